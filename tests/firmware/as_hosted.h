/*
 * as_hosted.h - the library without an operating system under the functions of the other one, so that one program runs on both
 *
 * For the compiler's -include: a program that includes sds_smtp.h is compiled as it is. Clients are made of malloc(), their
 * connections are sockets (transport_posix.c), and whoever asks for a status polls first.
 */
#ifndef AS_HOSTED_H
#define AS_HOSTED_H

#include "sds_smtp.h"
#include "sds_smtp_firmware.h"

#ifdef __cplusplus
extern "C" {
#endif

sds_smtp_client *hosted_client_new(void);
void hosted_client_free(sds_smtp_client *client);
int hosted_client_configure(sds_smtp_client *client, const struct sds_smtp_config *config);
const char *hosted_code_name(int code);
const char *hosted_phase_name(uint32_t phase);
const char *hosted_outcome_name(uint32_t outcome);
int hosted_client_wait(sds_smtp_client *client, uint32_t timeout_ms);
int hosted_client_status(const sds_smtp_client *client);
int hosted_status(void);
unsigned int hosted_program_status(void);

#ifdef __cplusplus
}
#endif

#ifndef AS_HOSTED_ITSELF
#define sds_smtp_client_new     hosted_client_new
#define sds_smtp_client_free    hosted_client_free
#define sds_smtp_client_wait    hosted_client_wait
#define sds_smtp_client_configure hosted_client_configure
#define sds_smtp_code_name      hosted_code_name
#define sds_smtp_phase_name     hosted_phase_name
#define sds_smtp_outcome_name   hosted_outcome_name
#define sds_smtp_client_status  hosted_client_status
#define sds_smtp_status         hosted_status
#define sds_smtp_program_status hosted_program_status
#endif

#endif
