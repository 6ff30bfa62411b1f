/*
 * everything - a program that takes every function of the firmware's library, for the linker to show what hangs on them; and
 * the compiler checks that structures and numbers are as recorded
 */
#include "sds_smtp_firmware.h"

#include "../abi/layout.h"

#ifdef __cplusplus
extern "C"
#endif
void _start(void);

static void (*volatile taken)(void);

#define TAKE(function) taken = (void (*)(void))(function)

void _start(void) {
  TAKE(sds_smtp_configure);
  TAKE(sds_smtp_send);
  TAKE(sds_smtp_status);
  TAKE(sds_smtp_program_status);
  TAKE(sds_smtp_strerror);
  TAKE(sds_smtp_version);
  TAKE(sds_smtp_client_init);
  TAKE(sds_smtp_features);
  TAKE(sds_smtp_client_free);
  TAKE(sds_smtp_client_refusal);
  TAKE(sds_smtp_client_status);
  TAKE(sds_smtp_client_cancel);
  TAKE(sds_smtp_client_configure);
  TAKE(sds_smtp_client_send);
  TAKE(sds_smtp_client_probe);
  TAKE(sds_smtp_client_result);
  TAKE(sds_smtp_client_log);
  TAKE(sds_smtp_client_set_log);
  TAKE(sds_smtp_client_set_transport);
  TAKE(sds_smtp_set_transport);
  TAKE(sds_smtp_set_clock);
  TAKE(sds_smtp_poll);
}
