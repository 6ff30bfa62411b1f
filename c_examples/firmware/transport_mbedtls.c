/*
 * transport_mbedtls.c - TLS by mbedTLS 2.28 over the connection of another transport; see transport_mbedtls.h
 */
#include "transport_mbedtls.h"

#include <string.h>

#include "mbedtls/ecp.h"
#include "mbedtls/net_sockets.h"
#include "mbedtls/ssl_internal.h" /* what 2.28 offers nowhere else: see secure() and flush() */

#if !defined(MBEDTLS_ECP_RESTARTABLE)
#error "compile mbedTLS and this file with mbedtls_config.h"
#endif

/* So many operations on a curve are calculated in one call; mbedTLS can make the parts no smaller than 120 or so. */
#define OPERATIONS 200

/* Where the connection stands. */
enum { CLOSED, PLAIN, SECURING, SECURE, SAYING_GOODBYE, CLOSING };

/* --- the connection below ----------------------------------------------------------------------------------------- */

static int below_send(void *context, const unsigned char *octets, size_t length)
{
  struct transport_mbedtls *tls = (struct transport_mbedtls *)context;
  int32_t sent = tls->below->send(tls->below->context, octets, length);

  if (sent < 0) {
    tls->lost = sent;
    return MBEDTLS_ERR_NET_CONN_RESET;
  }
  return sent > 0 ? (int)sent : MBEDTLS_ERR_SSL_WANT_WRITE;
}

static int below_receive(void *context, unsigned char *octets, size_t max)
{
  struct transport_mbedtls *tls = (struct transport_mbedtls *)context;
  int32_t received = tls->below->receive(tls->below->context, octets, max);

  if (received < 0) {
    tls->lost = received;
    return 0; /* to mbedTLS: the end */
  }
  return received > 0 ? (int)received : MBEDTLS_ERR_SSL_WANT_READ;
}

/* --- TLS ---------------------------------------------------------------------------------------------------------- */

/* Nothing of the conversation is left: mbedTLS wipes keys and buffers. */
static void forget(struct transport_mbedtls *tls)
{
  mbedtls_ssl_free(&tls->ssl);
  mbedtls_ssl_init(&tls->ssl);
}

/* What mbedTLS says, for the library. */
static int32_t answer(struct transport_mbedtls *tls, int error)
{
  switch (error) {
  case MBEDTLS_ERR_SSL_WANT_READ:
  case MBEDTLS_ERR_SSL_WANT_WRITE:
    return 0;
  case MBEDTLS_ERR_SSL_CRYPTO_IN_PROGRESS:
    return SDS_SMTP_TRANSPORT_AGAIN;
  default:
    break;
  }
  tls->error = error;
  if (tls->lost < 0)
    return tls->lost;
  switch (error) {
  case MBEDTLS_ERR_SSL_CONN_EOF:
  case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
    return SDS_SMTP_LOST;
  case MBEDTLS_ERR_SSL_ALLOC_FAILED:
  case MBEDTLS_ERR_MPI_ALLOC_FAILED:
  case MBEDTLS_ERR_X509_ALLOC_FAILED:
    return SDS_SMTP_NO_SOCKET;
  case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
  case MBEDTLS_ERR_SSL_BAD_HS_CERTIFICATE:
  case MBEDTLS_ERR_SSL_CA_CHAIN_REQUIRED:
    return SDS_SMTP_TRANSPORT_UNTRUSTED;
  default:
    return SDS_SMTP_TRANSPORT_TLS_FAILED;
  }
}

/* Seconds since 1970 of a date in a certificate; beyond the clock's: the clock's end, or its beginning. */
static uint32_t seconds(const mbedtls_x509_time *date)
{
  /* Months are counted from March on, so that the leap day is a year's last one. */
  int32_t year = date->year - (date->mon < 3), month = (date->mon + 9) % 12;
  int32_t days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + date->day - 1 - 719468;
  int64_t time = (int64_t)days * 86400 + (date->hour * 60 + date->min) * 60 + date->sec;

  return time < 0 ? 0 : time > 0xFFFFFFFF ? 0xFFFFFFFFu : (uint32_t)time;
}

/* Each certificate of the chain has its time. mbedTLS would ask a clock that all structures share. */
static int check_dates(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
  const struct transport_mbedtls *tls = (const struct transport_mbedtls *)context;
  uint32_t now;

  (void)depth;
  if (tls->unix_time == NULL)
    return 0;
  now = tls->unix_time(tls->context);
  if (now == 0 || now > seconds(&certificate->valid_to))
    *flags |= MBEDTLS_X509_BADCERT_EXPIRED;
  if (now < seconds(&certificate->valid_from))
    *flags |= MBEDTLS_X509_BADCERT_FUTURE;
  return 0;
}

static int begin(struct transport_mbedtls *tls, const char *name)
{
  int error = mbedtls_ssl_setup(&tls->ssl, &tls->config);

  if (error == 0)
    error = mbedtls_ssl_set_hostname(&tls->ssl, name);
  mbedtls_ssl_set_bio(&tls->ssl, tls, below_send, below_receive, NULL);
  return error;
}

#if defined(MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED)
/* mbedTLS keeps with an RSA key what its first use calculates of it, a third of the check of a signature. Here that is done
   before, in a part of its own. Returns 1: it was done now. */
static int prepare(mbedtls_pk_context *key)
{
  mbedtls_rsa_context *rsa;

  if (mbedtls_pk_get_type(key) != MBEDTLS_PK_RSA)
    return 0;
  rsa = mbedtls_pk_rsa(*key);
  if (rsa->RN.p != NULL)
    return 0;
  /* R squared, modulo N; where memory is short mbedTLS tries again. */
  if (mbedtls_mpi_lset(&rsa->RN, 1) != 0 || mbedtls_mpi_shift_l(&rsa->RN, rsa->N.n * 2 * 8 * sizeof(mbedtls_mpi_uint)) != 0 ||
      mbedtls_mpi_mod_mpi(&rsa->RN, &rsa->RN, &rsa->N) != 0)
    mbedtls_mpi_free(&rsa->RN);
  return 1;
}
#endif

/* One step of the handshake, or a part of one. */
static int32_t secure(struct transport_mbedtls *tls)
{
  int error;

#if defined(MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED)
  /* mbedTLS calculates in parts where the server has an EC key; it can where it has an RSA key, too. */
  if (tls->ssl.state == MBEDTLS_SSL_SERVER_CERTIFICATE)
    tls->ssl.handshake->ecrs_enabled = 1;
  if (tls->ssl.state == MBEDTLS_SSL_SERVER_KEY_EXCHANGE && prepare(&tls->ssl.handshake->peer_pubkey))
    return SDS_SMTP_TRANSPORT_AGAIN;
#endif
  error = mbedtls_ssl_handshake_step(&tls->ssl);
  if (error != 0) {
    tls->verified = mbedtls_ssl_get_verify_result(&tls->ssl);
    return answer(tls, error);
  }
  if (tls->ssl.state != MBEDTLS_SSL_HANDSHAKE_OVER)
    return SDS_SMTP_TRANSPORT_AGAIN;
  tls->state = SECURE;
  return 1;
}

/* Sends what mbedTLS has encrypted and could not send. Returns 1: nothing is left; 0: something is; or a negative number. */
static int32_t flush(struct transport_mbedtls *tls)
{
  int error = mbedtls_ssl_flush_output(&tls->ssl);

  return error == 0 ? 1 : answer(tls, error);
}

/* --- the library asks --------------------------------------------------------------------------------------------- */

static int32_t tls_connect(void *context, const struct sds_smtp_address *server)
{
  struct transport_mbedtls *tls = (struct transport_mbedtls *)context;
  int32_t begun;

  if (tls->state != CLOSED)
    tls->below->close(tls->below->context); /* it took longer than the library waits */
  forget(tls);
  tls->error = 0;
  tls->verified = 0;
  tls->lost = 0;
  begun = tls->below->connect(tls->below->context, server);
  tls->state = begun < 0 ? CLOSED : PLAIN;
  return begun;
}

static int32_t tls_connected(void *context)
{
  const struct transport_mbedtls *tls = (const struct transport_mbedtls *)context;

  return tls->below->connected(tls->below->context);
}

static int32_t tls_start(void *context, const char *server_name)
{
  struct transport_mbedtls *tls = (struct transport_mbedtls *)context;
  const char *name = server_name != NULL ? server_name : tls->name;

  if (tls->state == PLAIN) {
    int error;

    if (name == NULL)
      return SDS_SMTP_TRANSPORT_UNTRUSTED; /* any certificate would do */
    error = begin(tls, name);
    if (error != 0)
      return answer(tls, error);
    tls->state = SECURING;
  }
  return tls->state == SECURE ? 1 : secure(tls);
}

static int32_t tls_send(void *context, const uint8_t *octets, size_t length)
{
  struct transport_mbedtls *tls = (struct transport_mbedtls *)context;
  int32_t flushed;
  int sent, most;

  if (tls->state == PLAIN)
    return tls->below->send(tls->below->context, octets, length);
  flushed = flush(tls);
  if (flushed <= 0)
    return flushed;
  most = mbedtls_ssl_get_max_out_record_payload(&tls->ssl);
  if (most > 0 && length > (size_t)most)
    length = (size_t)most;
  sent = mbedtls_ssl_write(&tls->ssl, octets, length);
  if (sent == MBEDTLS_ERR_SSL_WANT_WRITE)
    return (int32_t)length; /* they are encrypted, and so taken; the rest of the record leaves with flush() */
  return sent > 0 ? (int32_t)sent : answer(tls, sent);
}

static int32_t tls_receive(void *context, uint8_t *octets, size_t max)
{
  struct transport_mbedtls *tls = (struct transport_mbedtls *)context;
  int received;

  if (tls->state == PLAIN)
    return tls->below->receive(tls->below->context, octets, max);
  /* The answer that is waited for comes only when all has left. Where that fails, what came before can still be read. */
  if (tls->lost == 0)
    (void)flush(tls);
  received = mbedtls_ssl_read(&tls->ssl, octets, max);
  if (received > 0)
    return (int32_t)received;
  if (received == 0)
    received = MBEDTLS_ERR_SSL_CONN_EOF;
  return answer(tls, received);
}

static int32_t tls_close(void *context)
{
  struct transport_mbedtls *tls = (struct transport_mbedtls *)context;
  int32_t closed;

  /* What was taken leaves first, and then the alert that ends TLS. */
  if (tls->state == SECURE && tls->lost == 0) {
    if (flush(tls) == 0)
      return 0;
    if (mbedtls_ssl_close_notify(&tls->ssl) == MBEDTLS_ERR_SSL_WANT_WRITE)
      tls->state = SAYING_GOODBYE;
  }
  if (tls->state == SAYING_GOODBYE && tls->lost == 0 && flush(tls) == 0)
    return 0;
  tls->state = CLOSING;
  closed = tls->below->close(tls->below->context);
  if (closed == 1) {
    forget(tls);
    tls->state = CLOSED;
  }
  return closed;
}

static int32_t tls_local_address(void *context, struct sds_smtp_address *out)
{
  const struct transport_mbedtls *tls = (const struct transport_mbedtls *)context;

  return tls->below->local_address(tls->below->context, out);
}

static int32_t tls_resolve(void *context, const char *name, struct sds_smtp_address *out)
{
  const struct transport_mbedtls *tls = (const struct transport_mbedtls *)context;

  return tls->below->resolve(tls->below->context, name, out);
}

static uint32_t tls_random(void *context)
{
  struct transport_mbedtls *tls = (struct transport_mbedtls *)context;
  uint32_t random = 0;

  (void)mbedtls_ctr_drbg_random(&tls->chance, (unsigned char *)&random, sizeof random);
  return random;
}

/* --- beginning and end -------------------------------------------------------------------------------------------- */

static int draw(void *context, unsigned char *out, size_t length)
{
  const struct transport_mbedtls *tls = (const struct transport_mbedtls *)context;

  return tls->entropy(tls->context, out, length) == 0 ? 0 : MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
}

int transport_mbedtls_init(struct transport_mbedtls *tls, const struct sds_smtp_transport *below,
                           transport_mbedtls_entropy *entropy, transport_mbedtls_time *unix_time, void *context)
{
  int error;

  memset(tls, 0, sizeof *tls);
  tls->below = below;
  tls->entropy = entropy;
  tls->unix_time = unix_time;
  tls->context = context;
  tls->transport.struct_size = sizeof tls->transport;
  tls->transport.flags = below->flags;
  tls->transport.context = tls;
  tls->transport.connect = tls_connect;
  tls->transport.connected = tls_connected;
  tls->transport.send = tls_send;
  tls->transport.receive = tls_receive;
  tls->transport.close = tls_close;
  tls->transport.random = tls_random;
  tls->transport.start_tls = tls_start;
  if (below->local_address != NULL)
    tls->transport.local_address = tls_local_address;
  if (below->resolve != NULL)
    tls->transport.resolve = tls_resolve;
  mbedtls_ctr_drbg_init(&tls->chance);
  mbedtls_x509_crt_init(&tls->authorities);
  mbedtls_ssl_config_init(&tls->config);
  mbedtls_ssl_init(&tls->ssl);
  mbedtls_ecp_set_max_ops(OPERATIONS);
  error = mbedtls_ctr_drbg_seed(&tls->chance, draw, tls, NULL, 0);
  if (error == 0)
    error = mbedtls_ssl_config_defaults(&tls->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                        MBEDTLS_SSL_PRESET_DEFAULT);
  mbedtls_ssl_conf_authmode(&tls->config, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(&tls->config, &tls->authorities, NULL);
  mbedtls_ssl_conf_verify(&tls->config, check_dates, tls);
  mbedtls_ssl_conf_rng(&tls->config, mbedtls_ctr_drbg_random, &tls->chance);
  return error;
}

int transport_mbedtls_trust(struct transport_mbedtls *tls, const unsigned char *der, size_t length)
{
  int error = mbedtls_x509_crt_parse_der_nocopy(&tls->authorities, der, length);
#if defined(MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED)
  mbedtls_x509_crt *last = &tls->authorities;

  while (last->next != NULL)
    last = last->next;
  if (error == 0)
    (void)prepare(&last->pk);
#endif
  return error;
}

void transport_mbedtls_free(struct transport_mbedtls *tls)
{
  mbedtls_ssl_free(&tls->ssl);
  mbedtls_ssl_config_free(&tls->config);
  mbedtls_x509_crt_free(&tls->authorities);
  mbedtls_ctr_drbg_free(&tls->chance);
  memset(tls, 0, sizeof *tls);
}
