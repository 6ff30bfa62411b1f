/*
 * ring.h - a queue of octets between an interrupt and the main loop: one of them writes, the other one reads
 */
#ifndef RING_H
#define RING_H

#include <stddef.h>
#include <stdint.h>

#define RING_SIZE 256u /* a power of two */

struct ring {
  volatile uint32_t written, read; /* octets ever; each is changed by one side only */
  volatile uint8_t octets[RING_SIZE];
};

static inline int ring_is_full(const struct ring *ring)
{
  return ring->written - ring->read == RING_SIZE;
}

static inline int ring_is_empty(const struct ring *ring)
{
  return ring->written == ring->read;
}

static inline void ring_put(struct ring *ring, uint8_t octet) /* not when it is full */
{
  ring->octets[ring->written % RING_SIZE] = octet;
  ring->written++; /* last: from now on the reader may take it */
}

static inline uint8_t ring_get(struct ring *ring) /* not when it is empty */
{
  uint8_t octet = ring->octets[ring->read % RING_SIZE];

  ring->read++; /* last: from now on the writer may use the place */
  return octet;
}

#endif
