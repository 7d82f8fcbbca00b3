// A guest of WASI preview 1. Build: see guest.h.
#include "guest.h"

#define WASI(name) IMPORT("wasi_snapshot_preview1", #name)
typedef struct { const void *at; u32 len; } iovec;

WASI(proc_exit) void proc_exit(u32 code);
WASI(fd_write) u32 fd_write(u32 fd, const iovec *v, u32 n, u32 *written);
WASI(fd_read) u32 fd_read(u32 fd, const iovec *v, u32 n, u32 *got);
WASI(fd_close) u32 fd_close(u32 fd);
WASI(fd_fdstat_get) u32 fd_fdstat_get(u32 fd, void *stat);
WASI(fd_prestat_get) u32 fd_prestat_get(u32 fd, void *stat);
WASI(path_open) u32 path_open(u32 fd, u32 flags, const char *path, u32 len, u32 o, u64 base, u64 inherit, u32 fdflags, u32 *opened);
WASI(clock_time_get) u32 clock_time_get(u32 id, u64 precision, u64 *to);
WASI(random_get) u32 random_get(void *to, u32 len);
WASI(poll_oneoff) u32 poll_oneoff(const void *in, void *out, u32 n, u32 *events);
WASI(args_sizes_get) u32 args_sizes_get(u32 *count, u32 *size);
WASI(environ_sizes_get) u32 environ_sizes_get(u32 *count, u32 *size);

static u32 done;

static void print(u32 fd, const char *s, u32 n) {
	iovec v[2] = {{s, n / 2}, {s + n / 2, n - n / 2}};
	fd_write(fd, v, 2, &done);
}

EXPORT(exit) u64 exit_hook(const char *in, u32 len) { print(2, "giving up\n", 10); proc_exit(in[0] - '0'); return 0; }

// print writes to both streams, without an end of line at the end.
EXPORT(print) u64 print_hook(const char *in, u32 len) {
	print(1, "one\ntwo", 7);
	print(2, "three\n", 6);
	print(1, " and a half\nfour", 16);
	return 0;
}

// errors answers with the error numbers of what must not work, one a byte.
EXPORT(errors) u64 errors(const char *in, u32 len) {
	static unsigned char out[8];
	u32 fd;
	char stat[64];
	iovec far = {(void *)0xfffffff0u, 100};
	out[0] = path_open(3, 0, "/etc/passwd", 11, 0, ~0ull, ~0ull, 0, &fd);
	out[1] = fd_prestat_get(3, stat);
	out[2] = fd_write(3, &far, 1, &done);
	out[3] = fd_write(1, &far, 1, &done);
	out[4] = fd_write(1, (void *)0xfffffff0u, 0x20000001, &done);
	out[5] = random_get((void *)0xfffffff0u, 100);
	out[6] = fd_close(1);
	out[7] = fd_fdstat_get(1, stat);
	return answer(out, 8);
}

// empty answers with counts that are all 0: arguments, environment, input.
EXPORT(empty) u64 empty(const char *in, u32 len) {
	static u32 out[5];
	char buf[16];
	iovec v = {buf, 16};
	out[0] = out[1] = out[2] = out[3] = out[4] = 9;
	args_sizes_get(out, out + 1);
	environ_sizes_get(out + 2, out + 3);
	fd_read(0, &v, 1, out + 4);
	return answer(out, sizeof out);
}

// sleep waits for an hour, if it is let.
EXPORT(sleep) u64 sleep_hook(const char *in, u32 len) {
	static u64 sub[6], event[4];
	u64 before, after;
	sub[3] = 3600ull * 1000000000ull;
	clock_time_get(1, 0, &before);
	u32 err = poll_oneoff(sub, event, 1, &done);
	clock_time_get(1, 0, &after);
	return answer(in, err + (after < before) + (done != 1));
}

// flood makes one write of a thousand overlapping pieces, again and again.
EXPORT(flood) u64 flood(const char *in, u32 len) {
	static iovec v[1024];
	for (u32 i = 0; i < 1024; i++) v[i].at = 0, v[i].len = __builtin_wasm_memory_size(0) * PAGE;
	for (;;) fd_write(1, v, 1024, &done);
}
