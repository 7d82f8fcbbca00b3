// A guest that uses up what it is given. Build: see guest.h.
#include "guest.h"

static volatile u32 sink;

EXPORT(spin) u64 spin(const char *in, u32 len) {
	for (;;) sink++;
}

// work does as many rounds as the input has bytes, a thousand steps each.
EXPORT(work) u64 work(const char *in, u32 len) {
	for (u32 i = 0; i < len; i++)
		for (u32 j = 0; j < 1000; j++) sink += j;
	return answer(in, 0);
}

__attribute__((noinline)) static u32 deeper(u32 n) {
	volatile u32 frame[4] = {n, n, n, n};
	return n == 0xffffffff ? 0 : deeper(n + 1) + frame[n & 3];
}

EXPORT(recurse) u64 recurse(const char *in, u32 len) { return answer(in, deeper(0)); }

// now asks for the time for ever: work that the host does.
EXPORT(now) u64 now(const char *in, u32 len) {
	for (;;) sink += (u32)host_now();
}

// random asks for as much randomness as there is memory, for ever.
EXPORT(random) u64 random(const char *in, u32 len) {
	for (;;) host_random((void *)room_at, __builtin_wasm_memory_size(0) * PAGE - room_at);
}

// fill writes memory in bulk, for ever.
EXPORT(fill) u64 fill(const char *in, u32 len) {
	for (;;) host_log(0, in, 0), sink++;
}
