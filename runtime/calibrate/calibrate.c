// The work by which a runtime measures what a unit of fuel is worth. Code that
// computes gets several units done in a nanosecond, code that waits for its own
// results or for memory less than one, so there are several kinds of it.
//
//	clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry -Wl,-z,stack-size=16384 \
//	    -Wl,--strip-all -o calibrate.wasm calibrate.c

#define EXPORT(name) __attribute__((export_name(#name)))

static char text[4096];
static unsigned links[1 << 16]; // 256 KiB: more than the first cache, less than the second

// scan reads text as parsers do.
EXPORT(scan) unsigned scan(unsigned rounds) {
	unsigned h = 2166136261u, depth = 0;
	for (unsigned i = 0; i < sizeof text; i++) text[i] = "{\"k\":[1,23,\"abc\"],\"x\":null}  "[i % 30];
	while (rounds--)
		for (unsigned i = 0; i < sizeof text; i++) {
			char c = text[i];
			if (c == '{' || c == '[') depth++;
			else if (c == '}' || c == ']') depth--;
			else if (c == '"') h ^= depth;
			h = (h ^ (unsigned char)c) * 16777619u;
		}
	return h;
}

// chase follows links all over a table, as programs of objects do.
EXPORT(chase) unsigned chase(unsigned rounds) {
	unsigned at = 0;
	for (unsigned i = 0; i < 1 << 16; i++) links[i] = (i * 40503u + 12345u) & 0xffff;
	while (rounds--)
		for (unsigned i = 0; i < 4096; i++) at = links[at];
	return at;
}

// divide waits for each quotient.
EXPORT(divide) unsigned divide(unsigned rounds) {
	unsigned h = 0xffffffffu;
	while (rounds--)
		for (unsigned i = 1; i <= 4096; i++) h = 0xffffffffu / (h / i | 1) ^ i;
	return h;
}
