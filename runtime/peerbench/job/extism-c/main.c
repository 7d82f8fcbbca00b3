// The job as an Extism plugin, written to the interface of its kernel as the C PDK
// is: memory of the kernel is read and written in words of 8 bytes.
// Build: job/build
#include "../patch.h"

#define EXTISM(name) __attribute__((import_module("extism:host/env"), import_name(#name)))

EXTISM(input_length) u64 input_length(void);
EXTISM(input_load_u8) u32 input_load_u8(u64 at);
EXTISM(input_load_u64) u64 input_load_u64(u64 at);
EXTISM(alloc) u64 allocate(u64 n);
EXTISM(store_u8) void store_u8(u64 at, u32 value);
EXTISM(store_u64) void store_u64(u64 at, u64 value);
EXTISM(output_set) void output_set(u64 at, u64 n);

EXPORT(patch) int patch(void) {
	u64 n = input_length();
	if (n > ROOM) return 1;
	u64 at = 0;
	for (; at + 8 <= n; at += 8) {
		u64 word = input_load_u64(at);
		copy(input + at, (const u8 *)&word, 8);
	}
	for (; at < n; at++) input[at] = (u8)input_load_u8(at);
	n = patched(input, (u32)n);
	if (!n) return 1;
	u64 out = allocate(n);
	for (at = 0; at + 8 <= n; at += 8) {
		u64 word;
		copy((u8 *)&word, output + at, 8);
		store_u64(out + at, word);
	}
	for (; at < n; at++) store_u8(out + at, output[at]);
	output_set(out, n);
	return 0;
}
