// An enrolment policy as an Extism plug-in, by Extism's interface alone: the host keeps
// blocks of memory, from which the input is copied and into which the answer is put.
// What it decides is in ../enrollment-policy-c/policy.h.
//
//   clang --target=wasm32 -Os -nostdlib -fno-builtin -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=16384 -I ../../hostapi/guest/c -o main.wasm main.c
#define TR_BARE
#include "trellis.h"

#include "../enrollment-policy-c/policy.h"

#define EXTISM(name) __attribute__((import_module("extism:host/env"), import_name(#name)))
EXTISM(input_length) tr_u64 input_length(void);
EXTISM(input_load_u8) tr_u32 input_load_u8(tr_u64 at);
EXTISM(input_load_u64) tr_u64 input_load_u64(tr_u64 at);
EXTISM(alloc) tr_u64 block_alloc(tr_u64 n);
EXTISM(store_u8) void store_u8(tr_u64 at, tr_u32 v);
EXTISM(store_u64) void store_u64(tr_u64 at, tr_u64 v);
EXTISM(output_set) void output_set(tr_u64 at, tr_u64 n);

// input copies the input, eight bytes at a time.
static tr_str input(void) {
  tr_u64 n = input_length(), i = 0;
  if (n > 0x3fffffffu) __builtin_trap();
  char *p = (char *)tr_take((tr_u32)n + 8);
  for (; i + 8 <= n; i += 8) *(tr_u64 *)(p + i) = input_load_u64(i);
  for (; i < n; i++) p[i] = (char)input_load_u8(i);
  return (tr_str){p, (tr_u32)n};
}

static void output(tr_str s) {
  tr_u64 at = block_alloc(s.n), i = 0;
  for (; i + 8 <= s.n; i += 8) {
    tr_u64 v = 0;
    for (tr_u32 k = 8; k > 0; k--) v = v << 8 | (tr_u8)s.p[i + k - 1]; // s may stand anywhere
    store_u64(at + i, v);
  }
  for (; i < s.n; i++) store_u8(at + i, (tr_u8)s.p[i]);
  output_set(at, s.n);
}

__attribute__((export_name("check"))) tr_u32 policy_check(void) {
  tr_top = 0; // an instance that is kept begins anew
  output(check(tr_parse(input())));
  return 0;
}
