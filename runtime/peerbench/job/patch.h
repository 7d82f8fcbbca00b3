// The job: find the key "mode" in a JSON text by scanning it by hand, and copy the
// text with another value. Strings are skipped as a whole, so that a key is never
// taken from within a value.
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define EXPORT(name) __attribute__((export_name(#name)))
#define ROOM 16384 // bytes of the longest input; an answer is at most 5 bytes longer

static u8 input[ROOM], output[ROOM + 8];

static u32 copy(u8 *to, const u8 *from, u32 n) {
	__builtin_memcpy(to, from, n);
	return n;
}

// patched writes the answer to output and returns its length; 0: there is no such key.
static u32 patched(const u8 *in, u32 n) {
	for (u32 i = 0; i < n; i++) {
		if (in[i] != '"') continue;
		u32 start = ++i;
		while (i < n && in[i] != '"') i += in[i] == '\\' ? 2 : 1;
		if (i + 2 >= n || i - start != 4 || in[i + 1] != ':' || in[i + 2] != '"') continue;
		if (in[start] != 'm' || in[start + 1] != 'o' || in[start + 2] != 'd' || in[start + 3] != 'e') continue;
		u32 value = i + 3, end = value;
		while (end < n && in[end] != '"') end += in[end] == '\\' ? 2 : 1;
		if (end >= n) return 0;
		u32 at = copy(output, in, value);
		at += copy(output + at, (const u8 *)"honor", 5);
		return at + copy(output + at, in + end, n - end);
	}
	return 0;
}
