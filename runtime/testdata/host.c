// A guest that passes on what it is given to the host's functions. Build: see guest.h.
#include "guest.h"

static char out[65536];

// call runs the operation named by the first byte's many bytes with the rest, and
// answers with the kind's digit and the operation's answer.
EXPORT(call) u64 call(const char *in, u32 len) {
	u32 n = in[0];
	u64 r = host_call(in + 1, n, in + 1 + n, len - 1 - n);
	u32 total = (u32)r, at = 0;
	out[0] = '0' + (u32)(r >> 32);
	while (at < total) { // in small pieces, as a guest with little room would
		u32 got = host_read(out + 1 + at, sizeof out - 1 - at < 7 ? sizeof out - 1 - at : 7, at);
		if (!got) break;
		at += got;
	}
	return answer(out, 1 + at);
}

// many runs the operation "tick" as often as the first byte says and answers with
// the kind's digit of each.
EXPORT(many) u64 many(const char *in, u32 len) {
	u32 n = (unsigned char)in[0];
	for (u32 i = 0; i < n; i++) out[i] = '0' + (u32)(host_call("tick", 4, 0, 0) >> 32);
	return answer(out, n);
}

// border calls any of the functions with any numbers: four words after the one
// that chooses.
EXPORT(border) u64 border(const u32 *in, u32 len) {
	if (len < 20) return 0;
	switch (in[0] % 5) {
	case 0: host_call((void *)in[1], in[2], (void *)in[3], in[4]); break;
	case 1: host_read((void *)in[1], in[2], in[3]); break;
	case 2: host_log(in[1], (void *)in[2], in[3]); break;
	case 3: host_random((void *)in[1], in[2]); break;
	case 4: return (u64)in[1] << 32 | in[2];
	}
	return 0;
}

// clock answers with 8 bytes of the time, random with 16 of randomness.
EXPORT(clock) u64 clock_hook(const char *in, u32 len) { *(u64 *)out = host_now(); return answer(out, 8); }
EXPORT(random) u64 random_hook(const char *in, u32 len) { host_random(out, 16); return answer(out, 16); }

// leftover reads the answer of an operation without having called one.
EXPORT(leftover) u64 leftover(const char *in, u32 len) { return answer(out, host_read(out, sizeof out, 0)); }
