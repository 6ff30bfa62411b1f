/*
 * lwipopts.h - lwIP without an operating system, for one TCP connection at a time
 */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0 /* lwIP is called from the main loop only */
#define LWIP_NETCONN         0
#define LWIP_SOCKET          0
#define LWIP_STATS           0

#ifndef LWIP_IPV6
#define LWIP_IPV6 0
#endif
#define LWIP_UDP LWIP_IPV6 /* which ND asks for */

#define MEM_ALIGNMENT    4
#define MEM_SIZE         6144
#define PBUF_POOL_SIZE   8
#define MEMP_NUM_TCP_PCB 3
#define TCP_MSS          1460
#define TCP_WND          (2 * TCP_MSS)
#define TCP_SND_BUF      (2 * TCP_MSS)

#endif
