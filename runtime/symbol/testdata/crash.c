// A guest that crashes where a test knows it. The committed modules are built, in
// this directory, by
//
//	clang --target=wasm32 -O2 -g -ffile-prefix-map=$PWD=. -nostdlib -Wl,--no-entry -Wl,--allow-undefined \
//	    -Wl,-z,stack-size=16384 -o crash-c.wasm crash.c
//
// and crash-c5.wasm with -gdwarf-5 as well.
#include "../../testdata/guest.h"

static volatile u32 seats = 30;

static inline u32 ratio(u32 a, u32 b) {
	return a / b; // line 13
}

__attribute__((noinline)) static u32 check(u32 len) {
	u32 all = 0;
	for (u32 i = 0; i < len; i++)
		all += seats;
	return all + ratio(all, len - 3); // line 20
}

EXPORT(divide) u64 divide(const char *in, u32 len) {
	seats = check(len); // line 24
	return answer(in, len);
}

EXPORT(deeper) u64 deeper(const char *in, u32 len) {
	u64 more = deeper(in, len + 1); // line 29
	seats += (u32)more;
	return more + 1;
}

EXPORT(spin) u64 spin(const char *in, u32 len) {
	while (seats)
		seats |= 1; // line 36
	return answer(in, len);
}
