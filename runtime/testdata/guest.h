// What the guests of these tests share. Build each of them, in this directory, by
//
//	clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry -Wl,-z,stack-size=16384 \
//	    -Wl,--strip-debug -Wl,--allow-undefined -o NAME.wasm NAME.c

typedef unsigned int u32;
typedef unsigned long long u64;

#define EXPORT(name) __attribute__((export_name(#name)))
#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define PAGE 65536

IMPORT("trellis", "call") u64 host_call(const char *name, u32 name_len, const void *in, u32 len);
IMPORT("trellis", "read") u32 host_read(void *to, u32 cap, u32 off);
IMPORT("trellis", "log") void host_log(u32 level, const void *text, u32 len);
IMPORT("trellis", "now") u64 host_now(void);
IMPORT("trellis", "random") void host_random(void *to, u32 len);

extern char __heap_base;

static u64 answer(const void *at, u32 len) { return (u64)(u32)at << 32 | len; }
static u64 failure(const void *at, u32 len) { return answer(at, len | 0x80000000u); }

// One buffer for input, handed out again and again, grown at the end of the memory.
static u32 room_at, room_size;

EXPORT(trellis_alloc) void *trellis_alloc(u32 n) {
	if (n <= room_size && room_at) return (void *)room_at;
	if (!room_at) room_at = ((u32)&__heap_base + 15) & ~15u;
	u32 end = room_at + n, have = __builtin_wasm_memory_size(0) * PAGE;
	if (end < room_at) return 0;
	if (end > have && __builtin_wasm_memory_grow(0, (end - have + PAGE - 1) / PAGE) == (u32)-1) return 0;
	room_size = n;
	return (void *)room_at;
}
