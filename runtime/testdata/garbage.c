// A guest that lies about where things are. Build: see guest.h.
#include "guest.h"

EXPORT(outside) u64 outside(const char *in, u32 len) { return answer((void *)0xfffffff0u, 16); }
EXPORT(huge) u64 huge(const char *in, u32 len) { return answer(in, 100u << 20); }
EXPORT(wrap) u64 wrap(const char *in, u32 len) { return answer((void *)0xffffffffu, 2); }
EXPORT(error_outside) u64 error_outside(const char *in, u32 len) { return failure((void *)0xfffffff0u, 16); }
EXPORT(error_huge) u64 error_huge(const char *in, u32 len) { return failure(in, 0x7fffffff); }

EXPORT(call_name) u64 call_name(const char *in, u32 len) { return host_call((void *)0xfffffff0u, 100, in, len); }
EXPORT(call_long_name) u64 call_long_name(const char *in, u32 len) { return host_call(in, 0xffffffffu, in, len); }
EXPORT(call_input) u64 call_input(const char *in, u32 len) { return host_call("x", 1, in, 0xffffffffu); }
EXPORT(read_room) u64 read_room(const char *in, u32 len) { return host_read((void *)0xfffffff0u, 100, 0); }
EXPORT(log_line) u64 log_line(const char *in, u32 len) { host_log(1, (void *)0x7fffffffu, 0xffffffffu); return 0; }
EXPORT(random_room) u64 random_room(const char *in, u32 len) { host_random((void *)0xffffffffu, 2); return 0; }
