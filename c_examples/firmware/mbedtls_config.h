/*
 * mbedtls_config.h - mbedTLS 2.28 for transport_mbedtls.c: a client of TLS 1.2
 *
 *     -DMBEDTLS_CONFIG_FILE='"mbedtls_config.h"'      when mbedTLS and transport_mbedtls.c are compiled
 *
 * ECDHE with P-256, AES-128-GCM; certificates with P-256 and with RSA keys. docs/footprint.md says what it takes. Where
 * the servers of your devices need more:
 *
 * - MBEDTLS_ECP_DP_SECP384R1_ENABLED, MBEDTLS_SHA512_C, and MBEDTLS_ECP_MAX_BITS 384: certificates with P-384 keys, as
 *   public authorities have them. A call then calculates for more than twice as long.
 * - MBEDTLS_SSL_IN_CONTENT_LEN 16384: a server whose certificates take more than 4 KiB; 12 KiB more of the heap.
 * - Without MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED, MBEDTLS_RSA_C and MBEDTLS_PKCS1_V15: no RSA, and 8 KB less flash.
 */
#ifndef MBEDTLS_CONFIG_H
#define MBEDTLS_CONFIG_H

#include <stdio.h>

/* --- memory: mbedtls_memory_buffer_alloc_init() lends it ---------------------------------------------------------- */

/* Without these: the C library's calloc() and free(). */
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_NO_STD_FUNCTIONS /* none of the C library's calloc() and its like */
#define MBEDTLS_PLATFORM_SNPRINTF_MACRO snprintf /* of functions that nobody calls */
#define MBEDTLS_PLATFORM_EXIT_MACRO(status) ((void)(status))
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_MEMORY_BUFFER_ALLOC_C

/* --- what the program provides through transport_mbedtls.h: the date, and chance ---------------------------------- */

#define MBEDTLS_NO_PLATFORM_ENTROPY
#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_CTR_DRBG_USE_128_BIT_KEY
#define MBEDTLS_CTR_DRBG_ENTROPY_LEN 32 /* without MBEDTLS_ENTROPY_C, whose place the program's function takes */

/* --- TLS ---------------------------------------------------------------------------------------------------------- */

#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET
#define MBEDTLS_SSL_SERVER_NAME_INDICATION
#define MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED
#define MBEDTLS_SSL_CIPHERSUITES \
  MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256

/* The largest records. mbedTLS 2.28 wants each message of a handshake in one, the server's certificate with its chain, too;
   the library sends in pieces of 96 octets. */
#define MBEDTLS_SSL_IN_CONTENT_LEN  4096
#define MBEDTLS_SSL_OUT_CONTENT_LEN 1024

/* --- certificates ------------------------------------------------------------------------------------------------- */

#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_CHECK_KEY_USAGE
#define MBEDTLS_X509_CHECK_EXTENDED_KEY_USAGE
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_OID_C
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15

/* --- calculating -------------------------------------------------------------------------------------------------- */

#define MBEDTLS_HAVE_ASM
#define MBEDTLS_MD_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_CIPHER_C
#define MBEDTLS_AES_C
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES
#define MBEDTLS_GCM_C
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_MPI_MAX_SIZE    512 /* RSA keys of 4096 bits */
#define MBEDTLS_MPI_WINDOW_SIZE 1
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_MAX_BITS    256
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECP_WINDOW_SIZE 2
#define MBEDTLS_ECP_FIXED_POINT_OPTIM 0
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C

/* In parts: transport_mbedtls.c says SDS_SMTP_TRANSPORT_AGAIN between them. */
#define MBEDTLS_ECP_RESTARTABLE
#define MBEDTLS_ECDH_LEGACY_CONTEXT

#include "mbedtls/check_config.h"

#endif
