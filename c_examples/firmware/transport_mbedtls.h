/*
 * transport_mbedtls.h - TLS by mbedTLS 2.28 over the connection of another transport, as transport_lwip.c has it
 *
 *     static unsigned char heap[16384];
 *     static struct transport_lwip network;
 *     static struct transport_mbedtls tls;
 *
 *     mbedtls_memory_buffer_alloc_init(heap, sizeof heap);     (or the C library's calloc and free: see mbedtls_config.h)
 *     transport_lwip_init(&network);
 *     transport_mbedtls_init(&tls, &network.transport, entropy, unix_time, NULL);
 *     transport_mbedtls_trust(&tls, authority, sizeof authority);
 *     sds_smtp_set_transport(&tls.transport);
 *
 * Then configure `tls` as SDS_SMTP_TLS_STARTTLS or SDS_SMTP_TLS_IMPLICIT. Without it TLS begins with the connection.
 *
 * The server's certificate is checked: its issuer, against the authorities that are trusted; its dates, by
 * unix_time; its name, which is sds_smtp_config.tls_name, or the name that was configured as the server;
 * mbedTLS 2.28 knows no IP addresses in certificates. A mail ends with code 37 where the certificate is not
 * to be trusted, and with 36 where TLS fails otherwise; the fields `error` and `verified` say more. (Where
 * memory is short, mbedTLS may take a certificate for one that is not to be trusted.)
 *
 * No call calculates for long: a handshake is cut into parts (MBEDTLS_ECP_RESTARTABLE), and between them the
 * library's main loop goes on. docs/footprint.md says how long a part takes, and what all takes of flash,
 * heap and stack.
 */
#ifndef TRANSPORT_MBEDTLS_H
#define TRANSPORT_MBEDTLS_H

#include "mbedtls/ctr_drbg.h"
#include "mbedtls/ssl.h"
#include "mbedtls/x509_crt.h"

#include "sds_smtp_firmware.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Real chance: fills `length` octets from the device's generator of random numbers, at most 32 at a time; returns 0. Where
 * there are none, anything else: no TLS then. Whoever can guess these octets reads along, and with them the password. A
 * counter, the time, a serial number, and a C library's rand() are guessed; a device without a generator can keep a secret
 * seed in flash that is hashed anew, and written back, with each start. */
typedef int transport_mbedtls_entropy(void *context, unsigned char *out, size_t length);

/* The date: seconds since 1970, UTC; 0 while it is not known, and no certificate is trusted. It need not be exact: an hour
 * is enough. */
typedef uint32_t transport_mbedtls_time(void *context);

struct transport_mbedtls {
  struct sds_smtp_transport transport;
  /* Why TLS failed last: mbedTLS's number, and its flags MBEDTLS_X509_BADCERT_... of the certificate. */
  int error;
  uint32_t verified;
  /* The name in the certificate, for programs that configure an address and no tls_name, as sds_smtp_configure() does. */
  const char *name;
  /* From here on: transport_mbedtls.c's own. */
  const struct sds_smtp_transport *below;
  transport_mbedtls_entropy *entropy;
  transport_mbedtls_time *unix_time;
  void *context;
  int state;
  int32_t lost; /* why the connection below was lost, or 0 */
  mbedtls_ctr_drbg_context chance;
  mbedtls_x509_crt authorities;
  mbedtls_ssl_config config;
  mbedtls_ssl_context ssl;
};

/* Once for each structure; not while a mail is in flight. `below` and its functions stay as long as the structure is used.
 * `unix_time` may be NULL, for a device without a clock: dates are not checked then, and a certificate that has expired, and
 * whose key was stolen, is trusted. Returns 0, or mbedTLS's number: no entropy, or no memory. */
int transport_mbedtls_init(struct transport_mbedtls *tls, const struct sds_smtp_transport *below,
                           transport_mbedtls_entropy *entropy, transport_mbedtls_time *unix_time, void *context);

/* Trusts a certificate: that of an authority, or the server's own. `der` is its DER form, which stays where it is (in
 * flash). Several calls trust several. Returns 0, or mbedTLS's number. */
int transport_mbedtls_trust(struct transport_mbedtls *tls, const unsigned char *der, size_t length);

/* Gives back all memory; after sds_smtp_client_free(), or when another transport was set. */
void transport_mbedtls_free(struct transport_mbedtls *tls);

#ifdef __cplusplus
}
#endif

#endif
