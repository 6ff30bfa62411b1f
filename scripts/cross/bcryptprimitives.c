/*
 * A stand-in for a library of Windows that old versions of wine lack. Rust's standard library and ring need it.
 */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID, ULONG); /* RtlGenRandom */

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T size)
{
  return SystemFunction036(buffer, (ULONG)size);
}
