/* lwIP on a host, in one process with its peer: all memory from malloc(), so that a sanitizer sees it, and a large window. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN         0
#define LWIP_SOCKET          0
#define LWIP_STATS           0

#define LWIP_IPV6            1
#define LWIP_IPV6_REASS      0
#define LWIP_HAVE_LOOPIF     1
#define LWIP_NETIF_LOOPBACK  1
#define LWIP_LOOPBACK_MAX_PBUFS 0

#define MEM_ALIGNMENT   8
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1

#define TCP_MSS        1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE  2
#define TCP_WND        200000
#define TCP_SND_BUF    8192

#endif
