// A guest with more state than is worth copying: its memory is mapped. Build: see guest.h.
#include "guest.h"

#define SIZE (1 << 20)
static char data[SIZE];
static u32 calls;

EXPORT(_initialize) void initialize(void) {
	for (u32 i = 0; i < SIZE; i += 64) data[i] = (char)(i >> 6);
}

// sum answers with "ok" if the state is that after _initialize, and spoils it.
EXPORT(sum) u64 sum(const char *in, u32 len) {
	u32 wrong = calls++;
	for (u32 i = 0; i < SIZE; i += 4096) {
		wrong += data[i] != (char)(i >> 6);
		data[i] = 1 + (char)(i >> 6);
	}
	return wrong ? answer("spoilt", 6) : answer("ok", 2);
}

// output answers with as many KiB as the input has bytes.
EXPORT(output) u64 output(const char *in, u32 len) { return answer(data, len << 10); }
