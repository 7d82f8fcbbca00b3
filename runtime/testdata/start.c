// A guest that misbehaves while it starts: by the host's operations, which it is
// refused, and the random numbers of which it keeps one. Build: see guest.h.
#include "guest.h"

static u64 refused;
static char seed[16];

EXPORT(_initialize) void initialize(void) {
	refused = host_call("tick", 4, 0, 0);
	host_random(seed, sizeof seed);
}

EXPORT(refused) u64 refused_hook(const char *in, u32 len) { return answer(&refused, 8); }
EXPORT(seed) u64 seed_hook(const char *in, u32 len) { return answer(seed, sizeof seed); }
