package runtime_test

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// cacheDir returns a directory that only we may write to.
func cacheDir(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "cache") // New makes it
}

// childMemory is the child's argument by which tests run it: under the race
// detector it cannot be limited.
func childMemory() []string {
	if raced {
		return []string{"-memory", "0"}
	}
	return nil
}

// files returns the files below dir whose names end in suffix, and how many
// other ones there are.
func files(t *testing.T, dir, suffix string) (found []string, others int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if strings.HasSuffix(path, suffix) {
				found = append(found, path)
			} else {
				others++
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, others
}

func TestCacheServesALaterRuntime(t *testing.T) {
	dir := cacheDir(t)
	first := newRuntime(t, runtime.Config{Cache: dir, Compiler: compiler(t, childMemory()...)})
	if got := call(t, compile(t, first, "echo", runtime.Limits{}), "", "upper", "abc"); got != "ABC" {
		t.Errorf("upper = %q", got)
	}
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("cache directory: %v, %v", st.Mode(), err)
	}
	entries, others := files(t, dir, ".module")
	if len(entries) != 1 || others == 0 {
		t.Errorf("the cache holds %d entries and %d other files", len(entries), others)
	}
	// A compiler that cannot be started shows that none is.
	second := newRuntime(t, runtime.Config{Cache: dir, Compiler: []string{"/nonexistent/compiler"}})
	if got := call(t, compile(t, second, "echo", runtime.Limits{}), "", "upper", "abc"); got != "ABC" {
		t.Errorf("upper = %q", got)
	}
	// Another limit of memory is another module.
	_, err := second.Compile(t.Context(), guest(t, "echo"), runtime.Limits{Memory: 1 << 20, Time: patience})
	wantError(t, err, nil, trellis.Internal, "start compiler /nonexistent/compiler")
}

func TestCacheSurvivesDamage(t *testing.T) {
	cut := func(data []byte) []byte { return data[:len(data)/2] }
	flip := func(data []byte) []byte {
		data[len(data)/3] ^= 0x40
		return data
	}
	empty := func([]byte) []byte { return nil }
	for _, tt := range []struct {
		name   string
		suffix string // of the files to damage; "": the machine code
		damage func([]byte) []byte
	}{
		{"cut entry", ".module", cut},
		{"flipped entry", ".module", flip},
		{"empty entry", ".module", empty},
		{"cut code", "", cut},
		{"flipped code", "", flip},
		{"empty code", "", empty},
		{"no code", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := cacheDir(t)
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, nil))
			first := newRuntime(t, runtime.Config{Cache: dir, Logger: logger})
			if err := compile(t, first, "echo", runtime.Limits{}).Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(log.String(), "compiled in this process") {
				t.Errorf("compiling in this process was not logged: %s", log.String())
			}
			all, _ := files(t, dir, "")
			damaged := 0
			for _, path := range all {
				isEntry := strings.HasSuffix(path, ".module")
				if isEntry != (tt.suffix == ".module") {
					continue
				}
				damaged++
				if tt.damage == nil {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
					continue
				}
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, tt.damage(data), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if damaged == 0 {
				t.Fatal("nothing to damage")
			}
			second := newRuntime(t, runtime.Config{Cache: dir})
			if got := call(t, compile(t, second, "echo", runtime.Limits{}), "", "upper", "abc"); got != "ABC" {
				t.Errorf("upper = %q", got)
			}
			// It has healed: nothing is compiled any more.
			third := newRuntime(t, runtime.Config{Cache: dir, Compiler: []string{"/nonexistent/compiler"}})
			compile(t, third, "echo", runtime.Limits{})
		})
	}
}

func TestTemporaryCacheGoes(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	r, err := runtime.New(t.Context(), runtime.Config{Compiler: compiler(t, childMemory()...)})
	if err != nil {
		t.Fatal(err)
	}
	compile(t, r, "echo", runtime.Limits{})
	if all, _ := files(t, tmp, ""); len(all) == 0 {
		t.Error("no cache for the child to write to")
	}
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(tmp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What nobody has loaded for long goes at a start; what is in use stays, however old
// it is.
func TestCacheForgetsWhatIsNotUsed(t *testing.T) {
	dir := cacheDir(t)
	age := func(d time.Duration) {
		all, _ := files(t, dir, "")
		for _, path := range all {
			then := time.Now().Add(-d)
			must(t, os.Chtimes(path, then, then))
		}
	}
	compile(t, newRuntime(t, runtime.Config{Cache: dir}), "echo", runtime.Limits{})
	before, _ := files(t, dir, "")
	age(59 * 24 * time.Hour)
	compile(t, newRuntime(t, runtime.Config{Cache: dir}), "echo", runtime.Limits{}) // is used
	r := newRuntime(t, runtime.Config{Cache: dir})
	if now, _ := files(t, dir, ""); len(now) != len(before) || !compile(t, r, "echo", runtime.Limits{}).Cached() {
		t.Errorf("of %d files %d are left", len(before), len(now))
	}
	for _, path := range before {
		if st, err := os.Stat(path); err != nil || time.Since(st.ModTime()) > time.Hour {
			t.Errorf("%s was used, which nobody noted (%v)", filepath.Base(path), err)
		}
	}
	age(61 * 24 * time.Hour)
	newRuntime(t, runtime.Config{Cache: dir})
	if now, _ := files(t, dir, ""); len(now) != 0 {
		t.Errorf("left behind: %v", now)
	}
}

// What takes too much room goes while others are compiled, first what was loaded
// longest ago, and not what is being made at the moment.
func TestCacheIsBounded(t *testing.T) {
	dir := cacheDir(t)
	size := func() (n int64) {
		all, _ := files(t, dir, "")
		for _, path := range all {
			st, err := os.Stat(path)
			must(t, err)
			n += st.Size()
		}
		return n
	}
	age := func(d time.Duration) {
		all, _ := files(t, dir, "")
		for _, path := range all {
			st, err := os.Stat(path)
			must(t, err)
			then := st.ModTime().Add(-d)
			must(t, os.Chtimes(path, then, then))
		}
	}
	compile(t, newRuntime(t, runtime.Config{Cache: dir}), "echo", runtime.Limits{})
	one := size()
	r := newRuntime(t, runtime.Config{Cache: dir, CacheSize: one * 5 / 2})
	for n := range 6 {
		age(time.Hour)
		compile(t, r, "echo", runtime.Limits{Memory: (n + 20) << 20}) // each is another module
		if got := size(); got > one*5/2 {
			t.Errorf("after %d modules the cache has %d bytes, of at most %d", n+2, got, one*5/2)
		}
	}
	for n, want := range map[int]bool{25: true, 20: false} {
		if m := compile(t, r, "echo", runtime.Limits{Memory: n << 20}); m.Cached() != want {
			t.Errorf("the module with %d MiB came from the cache: %v", n, m.Cached())
		}
	}
	// With no room at all, what is compiled can be loaded nevertheless.
	tight := newRuntime(t, runtime.Config{Cache: cacheDir(t), CacheSize: 1})
	if got := call(t, compile(t, tight, "echo", runtime.Limits{}), "", "upper", "abc"); got != "ABC" {
		t.Errorf("upper = %q", got)
	}
}
