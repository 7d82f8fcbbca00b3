// A guest of trellis/1 that never ends. Build: job/build

__attribute__((export_name("trellis_alloc"))) char *trellis_alloc(unsigned n) {
	static char room[1024];
	return n <= sizeof room ? room : 0;
}

__attribute__((export_name("spin"))) unsigned long long spin(const char *in, unsigned n) {
	(void)in;
	for (volatile unsigned i = n;; i++)
		;
}
