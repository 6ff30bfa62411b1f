/*
 * handles - the handle of a client that was freed is never another client's, however many clients come after it
 *
 * A handle says how often its place was used. With 32 bits that count has 16: after 2.1 million clients it would begin anew.
 *
 * Exit code 0: none of the handles of the first clients came back.
 */
#include <stdio.h>

#include "sds_smtp.h"

#define FIRST 100
#define MORE 2300000L

int main(void)
{
  static sds_smtp_client *first[FIRST];
  long made;
  int i;

  for (i = 0; i < FIRST; i++) {
    first[i] = sds_smtp_client_new();
    if (first[i] == NULL)
      return 2;
  }
  for (i = 0; i < FIRST; i++)
    sds_smtp_client_free(first[i]);
  for (made = 0; made < MORE; made++) {
    sds_smtp_client *client = sds_smtp_client_new();

    if (client == NULL) {
      printf("handles: no client after %ld others\n", made);
      return 1;
    }
    for (i = 0; i < FIRST; i++) {
      if (client == first[i]) {
        printf("handles: client %ld has the handle of client %d, which was freed\n", made, i);
        return 1;
      }
    }
    sds_smtp_client_free(client);
  }
  for (i = 0; i < FIRST; i++) {
    if (sds_smtp_client_status(first[i]) != SDS_SMTP_BAD_HANDLE)
      return 1;
  }
  printf("handles: of %ld clients none has the handle of one before it\n", MORE);
  return 0;
}
