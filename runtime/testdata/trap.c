// A guest that crashes in several ways. Build: see guest.h.
#include "guest.h"

static volatile u32 zero;
typedef u32 (*fn)(u32);

EXPORT(unreachable) u64 unreachable(const char *in, u32 len) { host_log(3, "going down", 10); __builtin_trap(); }
EXPORT(bounds) u64 bounds(const char *in, u32 len) { return *(volatile u32 *)0xfffffff0u; }
EXPORT(divide) u64 divide(const char *in, u32 len) { return 12345 / zero; }
EXPORT(table) u64 table(const char *in, u32 len) { return ((fn)(u32)(9999 + zero))(1); }
EXPORT(fine) u64 fine(const char *in, u32 len) { return answer(in, len); }
