// The job as a guest that can also wait for the host, and never end: for what many
// callers do to each other. Build: job/build
#include "../patch.h"

__attribute__((import_module("trellis"), import_name("call"))) unsigned long long host_call(const char *name, u32 name_len, const char *in, u32 n);

EXPORT(trellis_alloc) u8 *trellis_alloc(u32 n) { return n <= ROOM ? input : 0; }

EXPORT(patch) u64 patch(const u8 *in, u32 n) { return (u64)(u32)output << 32 | patched(in, n); }

// wait does the job and asks the host for "wait" before it answers.
EXPORT(wait) u64 wait(const u8 *in, u32 n) {
	u64 answer = patch(in, n);
	host_call("wait", 4, 0, 0);
	return answer;
}

EXPORT(spin) u64 spin(const u8 *in, u32 n) {
	(void)in;
	for (volatile u32 i = n;; i++)
		;
}
