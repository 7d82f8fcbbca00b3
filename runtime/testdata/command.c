// A WASI command with a C library: what it does is its first argument, its input
// is read from standard input. Build it (apt-get install clang-19 lld-19 wasi-libc
// libclang-rt-19-dev-wasm32) in this directory by
//
//	clang-19 --target=wasm32-wasi -O2 -Wl,--strip-all -Wl,-z,stack-size=16384 \
//	    -o command.wasm command.c
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int calls;

static int is(const char *name, char **argv) { return strcmp(argv[1], name) == 0; }

static void copy(void) {
	static char piece[5000];
	size_t n;
	while ((n = fread(piece, 1, sizeof piece, stdin)) > 0) fwrite(piece, 1, n, stdout);
}

// use reads the input as a number of bytes and writes to that many.
static void use(void) {
	int n = 0;
	if (scanf("%d", &n) == 1) {
		char *p = malloc(n);
		if (!p) exit(9);
		memset(p, 1, n);
		printf("%d", p[n - 1]);
	}
}

int main(int argc, char **argv) {
	if (argc != 2) return 100;
	calls++;
	if (is("echo", argv)) copy();
	else if (is("arguments", argv)) for (int i = 0; i <= argc; i++) printf("%s\n", argv[i] ? argv[i] : "null");
	else if (is("count", argv)) printf("%d %d", calls, getchar());
	else if (is("use", argv)) use();
	else if (is("leave", argv)) {
		fputs("first\nleaving", stderr);
		printf("half an answer");
		exit(getchar() - '0');
	} else if (is("refuse", argv)) { copy(); return 1; }
	else if (is("log", argv)) { fputs("one\ntwo\n", stderr); printf("the answer"); }
	else if (is("outside", argv)) {
		FILE *f = fopen("/etc/passwd", "r");
		printf("%s %s %d %d", f ? "file" : strerror(errno), getenv("HOME") ? "env" : "no env", isatty(0), isatty(1));
	} else if (is("flood", argv)) for (;;) fputs("a line and another line, all the same\n", stdout);
	else if (is("crash", argv)) { fputs("about to\n", stderr); __builtin_trap(); }
	else if (is("spin", argv)) for (volatile int i = 0;; i++) {}
	else return 101;
	return 0;
}
