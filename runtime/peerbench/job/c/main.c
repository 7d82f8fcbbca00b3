// The job as a guest of trellis/1. Build: job/build
#include "../patch.h"

EXPORT(trellis_alloc) u8 *trellis_alloc(u32 n) { return n <= ROOM ? input : 0; }

EXPORT(patch) u64 patch(const u8 *in, u32 n) { return (u64)(u32)output << 32 | patched(in, n); }
