package symbol_test

import (
	"debug/dwarf"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/runtime/instrument"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

// table returns the table of a module in testdata, with its source map if there is
// one, and where its code begins.
func table(t testing.TB, name string) (tab *symbol.Table, custom []symbol.Section, start int) {
	t.Helper()
	binary, err := os.ReadFile("testdata/" + name + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range instrument.Custom(binary) {
		custom = append(custom, symbol.Section(s))
	}
	if text, err := os.ReadFile("testdata/" + name + ".wasm.map"); err == nil {
		custom = append(custom, symbol.Section{Name: symbol.SourceMap, Data: text})
	}
	start = instrument.CodeStart(binary)
	return symbol.New(custom, start), custom, start
}

func lines(frames []symbol.Frame) string {
	var out []string
	for _, f := range frames {
		out = append(out, f.String())
	}
	return strings.Join(out, " < ")
}

// TestFrames asks for instructions by their offset in the file, as llvm-objdump
// shows it.
func TestFrames(t *testing.T) {
	for _, tt := range []struct {
		name, module string
		function     int
		at           int
		want         string
	}{
		{"C, DWARF 4, inlined", "crash-c", 2, 0x204, "ratio (crash.c:13) < check (crash.c:20)"},
		{"C, a call", "crash-c", 1, 0x110, "divide (crash.c:24)"},
		{"C, no place", "crash-c", 1, 0, "divide"},
		{"C, no function", "crash-c", 99, 0, "function 99"},
		{"C, past the code", "crash-c", 1, 0xfffff, "divide"},
		{"C, DWARF 5", "crash-c5", 2, 0x204, "ratio (crash.c:13) < check (crash.c:20)"},
		{"C++", "crash-cpp", 2, 0xba, "acme::Roster<int>::at (crash.cpp:14)"},
		{"Rust, lines only", "crash-rust", 4, 0x27a, "unreachable (library/stdarch/crates/core_arch/src/wasm32/mod.rs:32) < panic (crash.rs:12) < core::panicking::panic_fmt (library/core/src/panicking.rs:80)"},
		{"Rust, a method of the library", "crash-rust", 0, 0x242, "unwrap<u8> (library/core/src/option.rs:1016) < crash::roster::first (crash.rs:23)"},
		{"AssemblyScript", "crash-as", 2, 0xf2, "crash/divide (crash.ts:17)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tab, _, start := table(t, tt.module)
			if got := lines(tab.Frames(tt.function, uint64(max(tt.at-start, 0)))); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestLinesAsTheStandardLibrary: every address that the standard library has a
// line for has the same line here.
func TestLinesAsTheStandardLibrary(t *testing.T) {
	for _, module := range []string{"crash-c", "crash-c5", "crash-cpp", "crash-rust"} {
		t.Run(module, func(t *testing.T) {
			tab, custom, _ := table(t, module)
			sections := map[string][]byte{}
			for _, s := range custom {
				sections[s.Name] = s.Data
			}
			d, err := dwarf.New(sections[".debug_abbrev"], nil, nil, sections[".debug_info"], sections[".debug_line"], nil, sections[".debug_ranges"], sections[".debug_str"])
			if err != nil {
				t.Fatal(err)
			}
			for _, more := range []string{".debug_addr", ".debug_line_str", ".debug_str_offsets", ".debug_rnglists"} {
				if err := d.AddSection(more, sections[more]); err != nil {
					t.Fatal(err)
				}
			}
			checked := 0
			for units := d.Reader(); ; units.SkipChildren() {
				u, err := units.Next()
				if err != nil {
					t.Fatal(err)
				}
				if u == nil {
					break
				}
				checked += compareLines(t, tab, d, u)
			}
			if checked < 10 {
				t.Errorf("compared %d lines", checked)
			}
		})
	}
}

func compareLines(t *testing.T, tab *symbol.Table, d *dwarf.Data, u *dwarf.Entry) (checked int) {
	t.Helper()
	r, err := d.LineReader(u)
	if err != nil {
		t.Fatal(err)
	}
	if r == nil {
		return 0
	}
	var rows []dwarf.LineEntry
	var row dwarf.LineEntry
	for r.Next(&row) == nil {
		rows = append(rows, row)
	}
	for i, row := range rows {
		covers := i+1 < len(rows) && rows[i+1].Address > row.Address
		if row.EndSequence || row.Line == 0 || !covers {
			continue
		}
		got := tab.Frames(-1, row.Address)[0]
		if got.Line == 0 {
			continue // code that the linker threw away
		}
		if got.Line != row.Line || got.Column != row.Column || path.Base(got.File) != path.Base(row.File.Name) {
			t.Errorf("%#x is in %s:%d, want %s:%d", row.Address, got.Place(), got.Column, row.File.Name, row.Line)
		}
		checked++
	}
	return checked
}
