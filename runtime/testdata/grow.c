// A guest that wants memory. Build: see guest.h.
#include "guest.h"

// all grows until it gets no more, and then gives up as allocators do.
EXPORT(all) u64 all(const char *in, u32 len) {
	for (;;)
		if (__builtin_wasm_memory_grow(0, 1) == (u32)-1) __builtin_trap();
}

// some grows by as many pages as the input has bytes and answers with nothing.
EXPORT(some) u64 some(const char *in, u32 len) {
	return answer(in, __builtin_wasm_memory_grow(0, len) == (u32)-1 ? 1 : 0);
}

// size answers with the size of the memory in pages, as that many bytes.
EXPORT(size) u64 size(const char *in, u32 len) { return answer(0, __builtin_wasm_memory_size(0)); }

EXPORT(echo) u64 echo(const char *in, u32 len) { return answer(in, len); }
