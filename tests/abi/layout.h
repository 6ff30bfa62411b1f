/*
 * layout.h - has the compiler check that the structures and numbers of the headers are the recorded ones
 *
 * Include it behind the headers. It declares types only, so that any compiler for any target checks them, and
 * nothing has to run.
 */
#ifndef SDS_TESTS_ABI_LAYOUT_H
#define SDS_TESTS_ABI_LAYOUT_H

#include <stddef.h>

/* An array of size -1 stops the compilation; its name says what has moved. */
#define CHECK(name, condition) typedef char name[(condition) ? 1 : -1]
#define EITHER(for64, for32) (sizeof(void *) == 8 ? (for64) : (for32))

#define STRUCTURE(since, name, size64, size32) \
  CHECK(size_of_##name, sizeof(struct name) == EITHER(size64, size32));
#define FIELD(since, name, field, offset64, size64, offset32, size32, type) \
  CHECK(offset_of_##name##_##field, offsetof(struct name, field) == EITHER(offset64, offset32)); \
  CHECK(size_of_##name##_##field, sizeof(((struct name *)0)->field) == EITHER(size64, size32));
#define CONSTANT(since, name, value) CHECK(value_of_##name, (name) == (value));
/* A compiler cannot be asked for these; tests/abi.rs compares them. */
#define FUNCTION(since, name, prototype)
#define MACRO(since, name)
#define OPAQUE(since, name)

CHECK(pointers_are_of_32_or_64_bits, sizeof(void *) == 8 || sizeof(void *) == 4);
CHECK(int_is_of_32_bits, sizeof(int) == 4);

#include "sds_smtp.def"
#ifdef SDS_SMTP_FIRMWARE_H
#include "sds_smtp_firmware.def"
#endif

#undef CHECK
#undef EITHER
#undef STRUCTURE
#undef FIELD
#undef CONSTANT
#undef FUNCTION
#undef MACRO
#undef OPAQUE

#endif
