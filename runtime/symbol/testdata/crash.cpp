// A guest that crashes where a test knows it. The committed module is built, in
// this directory, by
//
//	clang++ --target=wasm32 -O1 -g -ffile-prefix-map=$PWD=. -nostdlib -fno-exceptions -fno-rtti -Wl,--no-entry \
//	    -Wl,-z,stack-size=16384 -Wl,--no-demangle -o crash-cpp.wasm crash.cpp
using u32 = unsigned int;
using u64 = unsigned long long;

namespace acme {

template <typename T> struct Roster {
	volatile T *places;
	__attribute__((noinline)) T at(u32 n) const {
		return places[n]; // line 14
	}
};

} // namespace acme

static char room[4096];

extern "C" __attribute__((export_name("trellis_alloc"))) char *trellis_alloc(u32 n) { return n <= sizeof room ? room : nullptr; }

extern "C" __attribute__((export_name("look"))) u64 look(const char *, u32 len) {
	acme::Roster<int> roster{reinterpret_cast<volatile int *>(0xfffffff0u)};
	return roster.at(len) ? 1 : 0; // line 26
}
