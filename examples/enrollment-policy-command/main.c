// An enrolment policy as a WASI command: the question on standard input, the name of
// the hook as the first argument, the answer on standard output. No library of Trellis
// is needed for that; this one takes its JSON from trellis.h, and calls WASI directly
// because it has no C library. What it decides is in ../enrollment-policy-c/policy.h.
//
//   clang --target=wasm32 -Os -nostdlib -fno-builtin -Wl,--strip-all -Wl,-z,stack-size=16384 -I ../../hostapi/guest/c -o main.wasm main.c
#define TR_BARE
#include "trellis.h"

#include "../enrollment-policy-c/policy.h"

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
typedef struct { void *p; tr_u32 n; } piece;
WASI(args_sizes_get) tr_u32 args_sizes_get(tr_u32 *count, tr_u32 *bytes);
WASI(args_get) tr_u32 args_get(char **list, char *bytes);
WASI(fd_read) tr_u32 fd_read(tr_u32 fd, const piece *to, tr_u32 count, tr_u32 *n);
WASI(fd_write) tr_u32 fd_write(tr_u32 fd, const piece *from, tr_u32 count, tr_u32 *n);
WASI(proc_exit) __attribute__((noreturn)) void proc_exit(tr_u32 status);

// all writes a text to its end.
static void all(tr_u32 fd, tr_str s) {
  while (s.n) {
    piece p = {(void *)s.p, s.n};
    tr_u32 n = 0;
    if (fd_write(fd, &p, 1, &n) || !n) proc_exit(1);
    s = (tr_str){s.p + n, s.n - n};
  }
}

// hook returns the first argument, "" if there is none.
static tr_str hook(void) {
  tr_u32 count = 0, bytes = 0;
  if (args_sizes_get(&count, &bytes) || count < 2) return TR("");
  char **list = (char **)tr_take(count * sizeof(char *)), *text = (char *)tr_take(bytes);
  if (args_get(list, text)) return TR("");
  tr_u32 n = 0;
  while (list[1][n]) n++;
  return (tr_str){list[1], n};
}

__attribute__((export_name("_start"))) void _start(void) {
  if (!tr_eq(hook(), TR("check"))) {
    all(2, TR("the only hook is check\n"));
    proc_exit(2);
  }
  tr_out in = {0};
  for (tr_u32 n = 1; n;) {
    tr_room_for(&in, 4096);
    piece p = {in.p + in.n, in.cap - in.n};
    if (fd_read(0, &p, 1, &n)) proc_exit(1);
    in.n += n;
  }
  all(1, check(tr_parse(tr_done(&in))));
}
