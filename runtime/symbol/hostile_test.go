package symbol_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/runtime/instrument"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

func names(pairs ...string) symbol.Section {
	body := binary.AppendUvarint(nil, uint64(len(pairs)))
	for i, name := range pairs {
		body = binary.AppendUvarint(body, uint64(i))
		body = append(binary.AppendUvarint(body, uint64(len(name))), name...)
	}
	return symbol.Section{Name: "name", Data: append(binary.AppendUvarint([]byte{1}, uint64(len(body))), body...)}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
	}{
		{"plain", "check", "check"},
		{"C++", "_ZN4acme6Course6weightEi", "acme::Course::weight"},
		{"C++, demangled by the linker", "acme::Course::weight(int, std::pair<int, int (*)(int)>) const", "acme::Course::weight"},
		{"C++, a call operator", "acme::Course::operator()(int)", "acme::Course::operator()"},
		{"Rust", "_ZN6policy5check17h32be6f65351d5a72E", "policy::check"},
		{"Rust, v0", "_RNvNtCsgXGp5Oqx2Ny_4core6option13unwrap_failed", "core::option::unwrap_failed"},
		{"not mangled", "_Zebra", "_Zebra"},
		{"a line of its own", "a\nwasm stack trace:\n\tb\x1b[31m", "a_wasm stack trace:__b_[31m"},
		{"not text", "a\xff\xfe", "a_"},
		{"long", strings.Repeat("n", 500), strings.Repeat("n", 117) + "…"},
		{"none", "", "function 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := symbol.New([]symbol.Section{names(tt.in)}, 0).Function(0); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSourceMap(t *testing.T) {
	const plain = `{"version":3,"sources":["assembly/index.ts"],"names":[],"mappings":"kBAUA,CACI,C,EAEA"}`
	url := func(text string) symbol.Section {
		return symbol.Section{Name: symbol.SourceMapURL, Data: append(binary.AppendUvarint(nil, uint64(len(text))), text...)}
	}
	sourceMap := func(sources int) symbol.Section {
		list := `["index.ts"` + strings.Repeat(`,""`, sources-1) + `]`
		return symbol.Section{Name: symbol.SourceMap, Data: []byte(strings.Replace(plain, `["assembly/index.ts"]`, list, 1))}
	}
	padded := func(size int) symbol.Section {
		return symbol.Section{Name: symbol.SourceMap, Data: []byte(plain + strings.Repeat(" ", size-len(plain)))}
	}
	for _, tt := range []struct {
		name    string
		section symbol.Section
		offset  uint64 // in the code, which begins at 10
		want    string
	}{
		{"first", symbol.Section{Name: symbol.SourceMap, Data: []byte(plain)}, 8, "f (assembly/index.ts:11)"},
		{"second", symbol.Section{Name: symbol.SourceMap, Data: []byte(plain)}, 9, "f (assembly/index.ts:12)"},
		{"of no source", symbol.Section{Name: symbol.SourceMap, Data: []byte(plain)}, 11, "f"},
		{"last, and beyond", symbol.Section{Name: symbol.SourceMap, Data: []byte(plain)}, 400, "f (assembly/index.ts:14)"},
		{"before all", symbol.Section{Name: symbol.SourceMap, Data: []byte(plain)}, 1, "f"},
		{"in a data: URL", url("data:application/json;base64," + base64.StdEncoding.EncodeToString([]byte(plain))), 8, "f (assembly/index.ts:11)"},
		{"elsewhere: never fetched", url("http://127.0.0.1/main.wasm.map"), 8, "f"},
		{"of another version", symbol.Section{Name: symbol.SourceMap, Data: []byte(strings.Replace(plain, "3", "4", 1))}, 8, "f"},
		{"a source that is not there", symbol.Section{Name: symbol.SourceMap, Data: []byte(strings.Replace(plain, "kBAUA", "kBCUA", 1))}, 8, "f"},
		{"a source without a name", symbol.Section{Name: symbol.SourceMap, Data: []byte(strings.Replace(plain, `"assembly/index.ts"`, `null`, 1))}, 8, "f"},
		{"more sources than there are files", sourceMap(10_001), 8, "f"},
		{"many sources", sourceMap(10_000), 8, "f (index.ts:11)"},
		{"sources twice", symbol.Section{Name: symbol.SourceMap, Data: []byte(strings.Replace(plain, `"names"`, `"sources":["a.ts"],"names"`, 1))}, 8, "f"},
		{"sources that are none", symbol.Section{Name: symbol.SourceMap, Data: []byte(strings.Replace(plain, `["assembly/index.ts"]`, `{}`, 1))}, 8, "f"},
		{"as much as a module may bring", padded(4 << 20), 8, "f (assembly/index.ts:11)"},
		{"more than that", padded(4<<20 + 1), 8, "f"},
		{"not a mapping", symbol.Section{Name: symbol.SourceMap, Data: []byte(strings.Replace(plain, "kBAUA", "kB!UA", 1))}, 8, "f"},
		{"a number without end", symbol.Section{Name: symbol.SourceMap, Data: []byte(strings.Replace(plain, "kBAUA", strings.Repeat("k", 99), 1))}, 8, "f"},
		{"not JSON", symbol.Section{Name: symbol.SourceMap, Data: []byte("version: 3")}, 8, "f"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := lines(symbol.New([]symbol.Section{names("f"), tt.section}, 10).Frames(0, tt.offset))
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestBombs: debug information that is small, or not so small, and would take for
// ever or all memory.
func TestBombs(t *testing.T) {
	u32 := func(n int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }
	section := func(name string, parts ...[]byte) symbol.Section {
		return symbol.Section{Name: name, Data: slices.Concat(parts...)}
	}
	unit := func(body ...byte) []byte { // of version 4, with the abbreviations at 0
		body = slices.Concat([]byte{4, 0, 0, 0, 0, 0, 4}, body)
		return append(u32(len(body)), body...)
	}
	cu := []byte{1, 0x11, 1, 0x10, 0x17, 0x11, 1, 0x12, 1, 0, 0} // stmt_list, low and high pc
	head := []byte{1, 0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0, 0}  // an entry of that: all code
	flags := bytes.Repeat([]byte{0x3f, 0x19}, 150)               // attributes of no size
	line5 := func(tail ...byte) []byte {
		header := slices.Concat([]byte{1, 1, 1, 0xfb, 14, 1}, tail)
		body := slices.Concat([]byte{5, 0, 4, 0}, u32(len(header)), header)
		return append(u32(len(body)), body...)
	}
	for _, tt := range []struct {
		name     string
		sections []symbol.Section
	}{
		{"files without size, 2^60 of them", []symbol.Section{
			section(".debug_abbrev", cu, []byte{0}), section(".debug_info", unit(head...)),
			section(".debug_line", line5(0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f))}},
		{"directories of forms without size", []symbol.Section{
			section(".debug_abbrev", cu, []byte{0}), section(".debug_info", unit(head...)),
			section(".debug_line", line5(1, 1, 0x19, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f))}},
		{"entries of 150 attributes in a byte each", []symbol.Section{
			section(".debug_abbrev", cu, []byte{2, 0x2e, 0}, flags, []byte{0, 0, 0}),
			section(".debug_info", unit(append(bytes.Clone(head), bytes.Repeat([]byte{2}, 4<<20)...)...))}},
		{"each unit with abbreviations of its own, one byte on", []symbol.Section{
			section(".debug_abbrev", bytes.Repeat([]byte{1}, 4<<20)),
			section(".debug_info", slices.Concat(slices.Collect(func(yield func([]byte) bool) {
				for i := range 19_000 {
					if !yield(slices.Concat(u32(8), []byte{4, 0}, u32(i), []byte{4, 1})) {
						return
					}
				}
			})...))}},
		{"every entry with the same long list of ranges", []symbol.Section{
			section(".debug_abbrev", cu, []byte{2, 0x2e, 0, 0x55, 0x17, 0, 0, 0}),
			section(".debug_ranges", bytes.Repeat([]byte{1, 0, 0, 0, 0xff, 0, 0, 0}, 1<<19)),
			section(".debug_info", unit(append(bytes.Clone(head), bytes.Repeat([]byte{2, 0, 0, 0, 0}, 1<<18)...)...))}},
		{"a function that stands for itself", []symbol.Section{
			section(".debug_abbrev", cu, []byte{2, 0x2e, 0, 0x11, 1, 0x12, 1, 0x31, 0x13, 0, 0, 0}),
			section(".debug_info", unit(append(bytes.Clone(head), 2, 1, 0, 0, 0, 0xff, 0xff, 0, 0, 24, 0, 0, 0, 0)...))}},
		{"names without end", []symbol.Section{
			section(".debug_abbrev", cu, []byte{2, 0x2e, 0, 0x03, 0x0e, 0x11, 1, 0x12, 1, 0, 0, 0}),
			section(".debug_str", bytes.Repeat([]byte{'n'}, 8<<20)),
			section(".debug_info", unit(append(bytes.Clone(head), bytes.Repeat([]byte{2, 0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0, 0}, 1<<17)...)...))}},
		{"functions within functions", []symbol.Section{
			section(".debug_abbrev", cu, []byte{2, 0x1d, 1, 0x11, 1, 0x12, 1, 0, 0, 0}),
			section(".debug_info", unit(append(bytes.Clone(head), bytes.Repeat([]byte{2, 1, 0, 0, 0, 0xff, 0xff, 0, 0}, 1<<19)...)...))}},
		{"4e9 names", []symbol.Section{section("name", []byte{1, 10, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0, 0})}},
		{"a map of 4 MB that is all one line", []symbol.Section{section(symbol.SourceMap, []byte(`{"version":3,"sources":["a"],"mappings":"`), bytes.Repeat([]byte("AAAAA,"), 690_000), []byte(`"}`))}},
		{"a map of 40 MB", []symbol.Section{section(symbol.SourceMap, []byte(`{"version":3,"sources":["a"],"mappings":"`), bytes.Repeat([]byte("AAAA,"), 8<<20), []byte(`"}`))}},
		{"a map of 30 MB", []symbol.Section{section(symbol.SourceMap, []byte(`{"version":3,"sources":["a"],"mappings":"`), bytes.Repeat([]byte("AAAA,"), 6<<20), []byte(`"}`))}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tab := symbol.New(tt.sections, 0)
			for range 50 { // the work of all questions together is bounded
				frames := tab.Frames(0, 100)
				if len(frames) == 0 || len(frames) > 20 {
					t.Fatalf("%d frames", len(frames))
				}
			}
		})
	}
}

// FuzzNames: no name section breaks anything, and no name a line of a log.
func FuzzNames(f *testing.F) {
	f.Add(names("check", "_ZN4acme6Course6weightEi").Data, 1)
	f.Add([]byte{1, 10, 0xff, 0xff, 0xff, 0xff, 0x0f}, 0)
	f.Fuzz(func(t *testing.T, section []byte, index int) {
		name := symbol.New([]symbol.Section{{Name: "name", Data: section}}, 0).Function(index)
		if len(name) > 200 || strings.ContainsAny(name, "\n\r\t\x1b\x00") {
			t.Errorf("name %q", name)
		}
	})
}

// FuzzDWARF puts the sections behind one another, each with its length in front.
func FuzzDWARF(f *testing.F) {
	kinds := []string{".debug_abbrev", ".debug_info", ".debug_line", ".debug_str", ".debug_ranges", ".debug_rnglists",
		".debug_addr", ".debug_str_offsets", ".debug_line_str"}
	for _, module := range []string{"crash-c", "crash-c5", "crash-cpp", "crash-rust"} {
		_, custom, _ := table(f, module)
		var all []byte
		for _, kind := range kinds {
			i := slices.IndexFunc(custom, func(s symbol.Section) bool { return s.Name == kind })
			var data []byte
			if i >= 0 {
				data = custom[i].Data
			}
			all = append(binary.LittleEndian.AppendUint16(all, uint16(len(data))), data...)
		}
		f.Add(all, uint32(0x198))
		f.Add(all, uint32(0x20))
	}
	f.Fuzz(func(t *testing.T, all []byte, offset uint32) {
		var sections []symbol.Section
		for _, kind := range kinds {
			if len(all) < 2 {
				break
			}
			n := min(int(binary.LittleEndian.Uint16(all)), len(all)-2)
			sections = append(sections, symbol.Section{Name: kind, Data: all[2 : 2+n]})
			all = all[2+n:]
		}
		tab := symbol.New(sections, 0)
		for _, at := range []uint64{uint64(offset), 1, 0xffffffff} {
			for _, frame := range tab.Frames(0, at) {
				if s := frame.String(); len(s) > 3000 || strings.ContainsAny(s, "\n\r\t\x1b\x00") {
					t.Errorf("frame %q", s)
				}
			}
		}
	})
}

func FuzzSourceMap(f *testing.F) {
	_, custom, _ := table(f, "crash-as")
	for _, s := range custom {
		if s.Name == symbol.SourceMap {
			f.Add(s.Data, uint32(0xf2))
		}
	}
	f.Add([]byte(`{"version":3,"sources":["a.ts"],"mappings":"kBAUA,CACI"}`), uint32(18))
	f.Fuzz(func(t *testing.T, text []byte, offset uint32) {
		tab := symbol.New([]symbol.Section{{Name: symbol.SourceMap, Data: text}, {Name: symbol.SourceMapURL, Data: text}}, 0)
		if got := fmt.Sprint(tab.Frames(0, uint64(offset))); strings.ContainsAny(got, "\n\r\t\x1b\x00") {
			t.Errorf("frames %q", got)
		}
	})
}

func TestWithoutDWARF(t *testing.T) {
	binary, err := os.ReadFile("testdata/crash-c.wasm")
	if err != nil {
		t.Fatal(err)
	}
	stripped, saved := symbol.WithoutDWARF(binary)
	var left []string
	for _, s := range instrument.Custom(stripped) {
		left = append(left, s.Name)
	}
	if got := strings.Join(left, " "); got != "name producers target_features" || len(stripped)+saved != len(binary) {
		t.Errorf("%d of %d bytes less, with the sections %s", saved, len(binary), got)
	}
	if got, saved := symbol.WithoutDWARF(binary[:len(binary)-1]); saved != 0 || len(got) != len(binary)-1 {
		t.Error("a module that is cut was changed")
	}
}
