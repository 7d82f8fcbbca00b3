// A guest with state: in memory, in a global (the stack pointer is one) and in
// what _initialize prepared. Build: see guest.h.
#include "guest.h"

static u32 calls, started, secret_len;
static volatile char secret[256]; // volatile: clang would call memcpy
static char out[256];

EXPORT(_initialize) void initialize(void) { started++; }

static u32 number(char *to, u32 n) {
	char digits[10];
	u32 len = 0, i = 0;
	do digits[len++] = '0' + n % 10; while (n /= 10);
	while (len) to[i++] = digits[--len];
	return i;
}

// count answers "STARTED CALLS".
EXPORT(count) u64 count(const char *in, u32 len) {
	calls++;
	u32 n = number(out, started);
	out[n++] = ' ';
	n += number(out + n, calls);
	return answer(out, n);
}

// keep answers with what it was given the time before, and keeps the input.
EXPORT(keep) u64 keep(const char *in, u32 len) {
	static volatile char before[256];
	u32 n = secret_len;
	for (u32 i = 0; i < n; i++) before[i] = secret[i];
	secret_len = len > sizeof secret ? sizeof secret : len;
	for (u32 i = 0; i < secret_len; i++) secret[i] = in[i];
	return answer((void *)before, n);
}

// peek answers with all of its memory after the input, or as much as fits.
EXPORT(peek) u64 peek(const char *in, u32 len) { return answer((void *)1024, __builtin_wasm_memory_size(0) * PAGE - 1024); }

EXPORT(fail) u64 fail(const char *in, u32 len) { __builtin_trap(); }

// nested calls the operation that the input names.
EXPORT(nested) u64 nested(const char *in, u32 len) {
	u64 r = host_call(in, len, "x", 1);
	u32 n = host_read(out, sizeof out, 0);
	return r >> 32 ? failure(out, n) : answer(out, n);
}
