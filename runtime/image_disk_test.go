package runtime_test

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/trellis-learning/trellis/runtime"
)

// seedOf loads the guest that draws a seed while it starts, and returns it: two
// runtimes see the same only if the second one started nothing.
func seedOf(t *testing.T, dir string, l runtime.Limits) string {
	t.Helper()
	r := newRuntime(t, runtime.Config{Cache: dir})
	m := compile(t, r, "start", l)
	if n := runtime.Idle(m); n > 1 {
		t.Errorf("%d instances before the first call", n)
	}
	return call(t, m, "tenant", "seed", "")
}

func TestImageServesALaterRuntime(t *testing.T) {
	dir := cacheDir(t)
	first := seedOf(t, dir, runtime.Limits{})
	for _, l := range []runtime.Limits{{}, {Isolation: runtime.Pinned}, {Output: 100}} {
		if got := seedOf(t, dir, l); got != first {
			t.Errorf("with limits %+v the guest was started again: seed %x, want %x", l, got, first)
		}
	}
	// What is mapped comes back as it was, again and again.
	for range 2 {
		m := compile(t, newRuntime(t, runtime.Config{Cache: dir}), "big", runtime.Limits{})
		for range 3 {
			if got := call(t, m, "", "sum", ""); got != "ok" {
				t.Fatalf("the guest found its memory %s", got)
			}
		}
	}
	images, _ := files(t, dir, ".image")
	if len(images) != 2 {
		t.Errorf("%d images", len(images))
	}
	for _, path := range images { // what is zero is left out
		if st, err := os.Stat(path); err != nil || st.Size() > 1<<20+64<<10 {
			t.Errorf("an image takes %d bytes (%v)", st.Size(), err)
		}
	}
}

// A module that cannot be put back has no image, and is loaded all the same.
func TestImageOfAFreshModule(t *testing.T) {
	dir := cacheDir(t)
	for range 2 {
		m, err := newRuntime(t, runtime.Config{Cache: dir}).Compile(t.Context(), tableGuest(), runtime.Limits{Time: patience})
		if err != nil {
			t.Fatal(err)
		}
		call(t, m, "", "hook", "")
	}
	images, _ := files(t, dir, ".image")
	if len(images) != 1 {
		t.Fatalf("%d files say that the module starts", len(images))
	}
	if st, err := os.Stat(images[0]); err != nil || st.Size() > 200 {
		t.Errorf("its image has %d bytes (%v)", st.Size(), err)
	}
}

func TestImageSurvivesDamage(t *testing.T) {
	write := func(t *testing.T, path string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, path string, data []byte)
	}{
		{"cut", func(t *testing.T, path string, data []byte) { write(t, path, data[:len(data)/2]) }},
		{"flipped", func(t *testing.T, path string, data []byte) { data[len(data)/2] ^= 1; write(t, path, data) }},
		{"empty", func(t *testing.T, path string, data []byte) { write(t, path, nil) }},
		{"gone", func(t *testing.T, path string, _ []byte) { must(t, os.Remove(path)) }},
		{"a directory", func(t *testing.T, path string, _ []byte) {
			must(t, os.Remove(path))
			must(t, os.Mkdir(path, 0o700))
		}},
		{"of another module", func(t *testing.T, path string, _ []byte) {
			other := cacheDir(t)
			compile(t, newRuntime(t, runtime.Config{Cache: other}), "counter", runtime.Limits{})
			images, _ := files(t, other, ".image")
			data, err := os.ReadFile(images[0])
			must(t, err)
			write(t, path, data)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := cacheDir(t)
			first := seedOf(t, dir, runtime.Limits{})
			images, _ := files(t, dir, ".image")
			data, err := os.ReadFile(images[0])
			must(t, err)
			tt.damage(t, images[0], data)
			second := seedOf(t, dir, runtime.Limits{})
			if tt.name == "of another module" && second == strings.Repeat("\x00", 16) || second == first {
				t.Errorf("the image was used: seed %x", second)
			}
			if third := seedOf(t, dir, runtime.Limits{}); third != second && tt.name != "a directory" {
				t.Errorf("it has not healed: seed %x, then %x", second, third)
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A small module that fills its memory while it starts leaves nothing of that on
// disk; it is started again when it is loaded.
func TestImageThatIsTooLargeToKeep(t *testing.T) {
	fill := tinyFunction{name: "_initialize", body: slices.Concat(
		[]byte{opI32Const, 0, opI32Const, 1, opI32Const}, sleb(32<<20), []byte{opBulk, 11, 0})}
	g := tinyGuest(fill)
	g.pages = 32 << 20 >> 16
	dir := cacheDir(t)
	for range 2 {
		m, err := newRuntime(t, runtime.Config{Cache: dir}).Compile(t.Context(), g.build(), runtime.Limits{Memory: 64 << 20, Time: patience})
		must(t, err)
		if m.Cached() {
			t.Error("it was not started")
		}
		call(t, m, "", "hook", "")
	}
	if images, _ := files(t, dir, ".image"); len(images) != 0 {
		t.Errorf("images are kept: %v", images)
	}
	if entries, _ := files(t, dir, ".module"); len(entries) != 1 {
		t.Errorf("%d entries", len(entries))
	}
}

// Several runtimes, as of several processes, may load one module at once.
func TestImageOfSeveralAtOnce(t *testing.T) {
	dir := cacheDir(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			r, err := runtime.New(t.Context(), runtime.Config{Cache: dir})
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close(t.Context())
			for range 5 {
				m, err := r.Compile(t.Context(), guest(t, "big"), runtime.Limits{Time: patience})
				if err != nil {
					t.Error(err)
					return
				}
				if out, _, err := m.Call(t.Context(), runtime.Call{Hook: "sum"}); err != nil || string(out) != "ok" {
					t.Errorf("answer %q, %v", out, err)
				}
				_ = m.Close(t.Context())
			}
		})
	}
	wg.Wait()
	if left, _ := files(t, dir, ".module"); len(left) != 1 {
		t.Errorf("%d entries", len(left))
	}
}

// What is read as an image fits the module, and is the same when written and read
// again.
func FuzzImage(f *testing.F) {
	dir := cacheDir(f)
	compile(f, newRuntime(f, runtime.Config{Cache: dir}), "counter", runtime.Limits{})
	images, err := os.ReadDir(dir)
	must(f, err)
	for _, e := range images {
		if strings.HasSuffix(e.Name(), ".image") {
			data, err := os.ReadFile(dir + "/" + e.Name())
			must(f, err)
			f.Add(data[:len(data)-32], uint8(1)) // without the digest, which the fuzzer could not find
		}
	}
	f.Add([]byte("trellis-image 1\n\x09\x00\x00\x00trellis/1\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\xfe\xff\x00\x00\x00\x00\x01\x00ab"), uint8(0))
	f.Add([]byte("trellis-image 1\n\x09\x00\x00\x00trellis/1\x00\x00\x01\x00\x00\x00\x00\x00\xff\xff\xff\x0f"), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, globals uint8) {
		again, size, err := runtime.DecodeImage(data, int(globals))
		if err != nil {
			return
		}
		if size != 1<<16 && size != 2<<16 {
			t.Errorf("an image of %d bytes for a module with one page to two", size)
		}
		if _, n, err := runtime.DecodeImage(again[:len(again)-32], int(globals)); err != nil || n != size {
			t.Errorf("written again it is %v, of %d bytes", err, n)
		}
	})
}
