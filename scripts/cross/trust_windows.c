/*
 * trust_windows - has the user of this Windows trust an authority
 *
 *     trust_windows CA.der
 *
 * Its certificate goes to the user's store of roots. Windows itself asks the user first; wine does not.
 */
#include <stdio.h>
#include <windows.h>
#include <wincrypt.h>

int main(int argc, char **argv)
{
  static BYTE certificate[16384];
  FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  HCERTSTORE roots;
  size_t length;
  BOOL done;

  if (file == NULL) return 2;
  length = fread(certificate, 1, sizeof certificate, file);
  fclose(file);
  roots = CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER, L"ROOT");
  if (roots == NULL) return 3;
  done = CertAddEncodedCertificateToStore(roots, X509_ASN_ENCODING, certificate, (DWORD)length, CERT_STORE_ADD_USE_EXISTING, NULL);
  if (!done) fprintf(stderr, "trust_windows: error %lu\n", (unsigned long)GetLastError());
  CertCloseStore(roots, 0);
  return done ? 0 : 1;
}
