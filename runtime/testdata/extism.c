// An Extism plugin without a library. Build it in this directory as guest.h says.
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned char u8;

#define EXPORT(name) __attribute__((export_name(#name)))
#define EXTISM(name) __attribute__((import_module("extism:host/env"), import_name(#name)))
#define USER(name) __attribute__((import_module("extism:host/user"), import_name(#name)))

EXTISM(alloc) u64 alloc(u64 n);
EXTISM(free) void release(u64 at);
EXTISM(length) u64 length(u64 at);
EXTISM(length_unsafe) u64 length_unsafe(u64 at);
EXTISM(load_u8) u32 load_u8(u64 at);
EXTISM(load_u64) u64 load_u64(u64 at);
EXTISM(store_u8) void store_u8(u64 at, u32 v);
EXTISM(store_u64) void store_u64(u64 at, u64 v);
EXTISM(input_offset) u64 input_offset(void);
EXTISM(input_length) u64 input_length(void);
EXTISM(input_load_u8) u32 input_load_u8(u64 at);
EXTISM(input_load_u64) u64 input_load_u64(u64 at);
EXTISM(output_set) void output_set(u64 at, u64 n);
EXTISM(error_set) void error_set(u64 at);
EXTISM(config_get) u64 config_get(u64 name);
EXTISM(var_get) u64 var_get(u64 name);
EXTISM(var_set) void var_set(u64 name, u64 value);
EXTISM(http_request) u64 http_request(u64 request, u64 body);
EXTISM(http_status_code) u32 http_status_code(void);
EXTISM(http_headers) u64 http_headers(void);
EXTISM(log_trace) void log_trace(u64 at);
EXTISM(log_debug) void log_debug(u64 at);
EXTISM(log_info) void log_info(u64 at);
EXTISM(log_warn) void log_warn(u64 at);
EXTISM(log_error) void log_error(u64 at);
EXTISM(get_log_level) u32 get_log_level(void);
EXTISM(reset) void reset(void);
EXTISM(input_set) void input_set(u64 at, u64 n);
EXTISM(output_offset) u64 output_offset(void);
EXTISM(output_length) u64 output_length(void);
EXTISM(error_get) u64 error_get(void);
EXTISM(memory_bytes) u64 memory_bytes(void);
USER(trellis_call) u64 trellis_call(u64 name, u64 in);
USER(trellis_error) u32 trellis_error(void);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit"))) void proc_exit(u32 code);

static u8 input[1 << 16];
static u32 input_len, calls, started;

static void read_input(void) {
	u64 n = input_length(), at = 0;
	if (n > sizeof input) __builtin_trap();
	for (; at + 8 <= n; at += 8) { u64 w = input_load_u64(at); __builtin_memcpy(input + at, &w, 8); }
	for (; at < n; at++) input[at] = input_load_u8(at);
	input_len = n;
}

static u64 block(const void *from, u32 n) {
	u64 to = alloc(n);
	u32 at = 0;
	for (; at + 8 <= n; at += 8) { u64 w; __builtin_memcpy(&w, (const u8 *)from + at, 8); store_u64(to + at, w); }
	for (; at < n; at++) store_u8(to + at, ((const u8 *)from)[at]);
	return to;
}

static u64 text(const char *s) { u32 n = 0; while (s[n]) n++; return block(s, n); }
static void say(const void *from, u32 n) { output_set(block(from, n), n); }
static void show(u64 at) { output_set(at, length(at)); }

EXPORT(_initialize) void initialize(void) { started++; }
EXPORT(echo) int echo(void) { read_input(); say(input, input_len); return 0; }
EXPORT(none) void none(void) {}

// count answers with how often it was called and the guest was started, and with
// what is left over in the host's memory behind its input.
EXPORT(count) int count(void) {
	u8 out[11] = {'0' + ++calls % 10, '0' + started};
	u64 at = alloc(100);
	for (int i = 0; i < 8; i++) out[2 + i] = '0' + !!load_u64(at + 12 * i);
	store_u64(at + 92, ~0ull);
	store_u64(at + 5000, ~0ull); // behind the block
	out[10] = '0' + !!load_u64(at + 20000);
	store_u64(at + 20000, ~0ull);
	say(out, sizeof out);
	return 0;
}

EXPORT(fail) int fail(void) { read_input(); error_set(block(input, input_len)); return 1; }
EXPORT(warn) int warn(void) { read_input(); error_set(block(input, input_len)); return 0; }
EXPORT(status) int status(void) { read_input(); return input[0] - '0'; }
EXPORT(leave) int leave(void) { read_input(); say("left", 4); proc_exit(input[0] - '0'); return 5; }
EXPORT(config) int config(void) { read_input(); show(config_get(block(input, input_len))); return 0; }

// keep sets the variable "k" to the input, if there is one, and answers with what
// it was before.
EXPORT(keep) int keep(void) {
	read_input();
	show(var_get(text("k")));
	if (input_len == 1 && input[0] == '-') var_set(text("k"), 0);
	else if (input_len) var_set(text("k"), block(input, input_len));
	return 0;
}

// hoard sets variables of 300,000 bytes each.
EXPORT(hoard) int hoard(void) {
	u8 name = 'a';
	for (int i = 0; i < 5; i++, name++) { u64 v = alloc(300000); var_set(block(&name, 1), v); }
	return 0;
}

// fetch sends the input as a request with the body "body", or what stands after the
// first 0 of it, and answers with the status, the headers and the body of the answer.
EXPORT(fetch) int fetch(void) {
	static u8 out[4096];
	u32 n = 3;
	read_input();
	u32 end = 0;
	while (end < input_len && input[end]) end++;
	u64 request = block(input, end);
	u64 body = http_request(request, end < input_len ? block(input + end + 1, input_len - end - 1) : text("body"));
	u32 s = http_status_code();
	out[0] = '0' + s / 100, out[1] = '0' + s / 10 % 10, out[2] = '0' + s % 10;
	u64 headers = http_headers();
	for (u64 i = 0, l = length(headers); i < l; i++) out[n++] = load_u8(headers + i);
	for (u64 i = 0, l = length(body); i < l; i++) out[n++] = load_u8(body + i);
	say(out, n);
	return 0;
}

EXPORT(log) int log_all(void) {
	log_trace(text("trace")); log_debug(text("debug")); log_info(text("info")); log_warn(text("warn")); log_error(text("error"));
	u8 level = '0' + get_log_level();
	say(&level, 1);
	return 0;
}

// ask calls the operation that is named before the first space of the input, with
// what follows it, and answers with the kind and the answer.
EXPORT(ask) int ask(void) {
	static u8 out[4096];
	u32 at = 0;
	read_input();
	while (at < input_len && input[at] != ' ') at++;
	u64 answer = trellis_call(block(input, at), block(input + at + 1, at < input_len ? input_len - at - 1 : 0));
	u64 n = length(answer);
	out[0] = '0' + trellis_error();
	for (u64 i = 0; i < n; i++) out[1 + i] = load_u8(answer + i);
	say(out, 1 + n);
	return 0;
}

// blocks tries what offsets and lengths do, and answers with a digit for each
// thing that is not as in Extism's kernel.
EXPORT(blocks) int blocks(void) {
	u8 out[32];
	u32 n = 0;
#define WANT(cond) do { if (!(cond)) { out[n++] = '0' + (__COUNTER__ - 0) % 10; } else (void)__COUNTER__; } while (0)
	u64 in = input_offset(), a = alloc(10), b = alloc(1);
	WANT(in == 77 && length(in) == input_length());
	WANT(a == in + input_length() + 12 && b == a + 10 + 12);
	WANT(length(a) == 10 && length_unsafe(a) == 10 && length(a + 1) == 0 && length(0) == 0 && length(~0ull) == 0 && length_unsafe(3) == 0);
	WANT(alloc(0) == 0 && alloc(~0ull) == 0 && alloc(1ull << 40) == 0);
	store_u64(a, 0x0807060504030201ull);
	WANT(load_u8(a) == 1 && load_u8(a + 7) == 8 && load_u64(a + 1) == 0x0008070605040302ull);
	WANT(load_u8(0) == 0 && load_u8(~0ull) == 0 && load_u64(0) == 0);
	store_u8(0, 1); store_u8(~0ull, 1); store_u64(8, 1);
	release(a);
	WANT(length(a) == 0 && alloc(5) != a); // there is room left, so it is not used again
	release(a); release(0); release(a + 1); release(~0ull);
	WANT(length(b) == 1);
	output_set(b, 1); output_set(0, 1); output_set(b, 1ull << 40); output_set(1ull << 33, 1); // all but the first are ignored
	store_u8(b, '.');
	if (n) say(out, n);
	return 0;
}

// large answers with 60,000 bytes, in a block used twice, once the rest is full.
EXPORT(large) int large(void) {
	u64 at = alloc(60000), more = alloc(10);
	release(at);
	u64 again = alloc(59990);
	for (u64 i = 0; i < 59990; i++) store_u8(again + i, 'x');
	show(again);
	return more < at || again != at;
}

EXPORT(flood) int flood(void) { u64 at = alloc(2 << 20); output_set(at, 2 << 20); return 0; }
EXPORT(stray) int stray(void) { read_input(); store_u64(input[0] == 'f' ? 1ull << 40 : 20 << 20, 1); return 0; }
EXPORT(eat) int eat(void) { u32 n = 0; while (alloc(100000)) n++; u8 out = n > 100 ? 'y' : 'n'; error_set(0); output_set(input_offset(), 1); store_u8(input_offset(), out); return 0; }

// script takes its input for calls of the host, each 17 bytes: which one, and two
// numbers. With the top bit set, what the last call returned is added to the first.
// The last call, 25, is none of the host's: it answers with a mark of all results.
EXPORT(script) int script(void) {
	u64 last = 0, mark = 0;
	read_input();
	for (u32 i = 0; i + 17 <= input_len; i += 17) {
		u64 a, b;
		__builtin_memcpy(&a, input + i + 1, 8);
		__builtin_memcpy(&b, input + i + 9, 8);
		if (input[i] & 0x80) a += last;
		switch (input[i] & 0x7f) {
		case 0: last = alloc(a); break;
		case 1: release(a); break;
		case 2: last = length(a); break;
		case 3: last = length_unsafe(a); break;
		case 4: last = load_u8(a); break;
		case 5: last = load_u64(a); break;
		case 6: store_u8(a, b); break;
		case 7: store_u64(a, b); break;
		case 8: last = input_offset(); break;
		case 9: last = input_length(); break;
		case 10: last = input_load_u8(a); break;
		case 11: last = input_load_u64(a); break;
		case 12: output_set(a, b); break;
		case 13: error_set(a); break;
		case 14: last = config_get(a); break;
		case 15: last = var_get(a); break;
		case 16: var_set(a, b); break;
		case 17: last = http_request(a, b); break;
		case 18: last = http_headers(); break;
		case 19: log_info(a); break;
		case 20: last = trellis_call(a, b); break;
		case 21: reset(); break;
		case 22: input_set(a, b); break;
		case 23: last = output_offset() + output_length(); break;
		case 24: last = error_get() + memory_bytes(); break;
		case 25: say(&mark, 8); break;
		}
		mark = mark * 1099511628211ull + last;
	}
	return 0;
}
