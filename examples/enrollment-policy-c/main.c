// An enrolment policy: closed courses, allowed modes, people who are not to be
// enrolled. The same as ../enrollment-policy, which is in Go. What it decides is in
// policy.h.
//
//   clang --target=wasm32 -Os -nostdlib -fno-builtin -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=16384 -I ../../hostapi/guest/c -o main.wasm main.c
#include "trellis.h"

#include "policy.h"

TR_HOOK(check, check)
