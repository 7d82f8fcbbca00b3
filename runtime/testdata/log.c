// A guest that logs. Build: see guest.h.
#include "guest.h"

// level logs its input at the level that its first byte, a digit, says.
EXPORT(level) u64 level(const char *in, u32 len) { host_log(in[0] - '0', in + 1, len - 1); return 0; }

// flood logs the input for as long as its fuel lasts, or a million times.
EXPORT(flood) u64 flood(const char *in, u32 len) {
	for (u32 i = 0; i < 10000; i++) host_log(1, in, len);
	return answer(in, 0);
}

// whole logs all of its memory at once.
EXPORT(whole) u64 whole(const char *in, u32 len) { host_log(1, 0, __builtin_wasm_memory_size(0) * PAGE); return 0; }
