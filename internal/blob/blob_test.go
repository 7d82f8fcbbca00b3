package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/blob"
)

func open(t testing.TB) (*blob.Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "blobs")
	s, err := blob.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func put(t testing.TB, s *blob.Store, text string) string {
	t.Helper()
	digest, n, err := s.Put(t.Context(), strings.NewReader(text), math.MaxInt64)
	if err != nil || n != int64(len(text)) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	return digest
}

// files returns every file below dir.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			all = append(all, path)
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("others may read %s", path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPutAndGet(t *testing.T) {
	s, dir := open(t)
	const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" // SHA-256 of "hello"
	for range 2 {                                                                    // the same again is the same
		if got := put(t, s, "hello"); got != hello {
			t.Errorf("digest %s, want %s", got, hello)
		}
	}
	if got := files(t, dir); len(got) != 1 || got[0] != filepath.Join(dir, hello[:2], hello[2:]) {
		t.Errorf("files %v", got)
	}
	raw, err := s.ReadAll(t.Context(), hello, 5)
	if err != nil || string(raw) != "hello" {
		t.Errorf("%q, %v", raw, err)
	}
	f, err := s.Get(t.Context(), hello)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(f); err != nil || string(raw) != "hello" {
		t.Errorf("%q, %v", raw, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	for range 2 { // deleting what is not there is no error
		if err := s.Delete(t.Context(), hello); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.ReadAll(t.Context(), hello, 5); trellis.KindOf(err) != trellis.NotFound {
		t.Errorf("deleted: %v", err)
	}
	if again, err := blob.Open(dir); err != nil {
		t.Error(err)
	} else if empty := put(t, again, ""); len(empty) != 64 {
		t.Errorf("digest of nothing %q", empty)
	}
}

func TestLimits(t *testing.T) {
	s, dir := open(t)
	for _, tt := range []struct {
		name  string
		limit int64
		want  trellis.Kind
	}{{"one less", 4, trellis.Exhausted}, {"just enough", 5, ""}, {"none", 0, trellis.Exhausted}, {"the greatest", math.MaxInt64, ""}} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := s.Put(t.Context(), strings.NewReader("hello"), tt.limit)
			if got := trellis.KindOf(err); got != tt.want {
				t.Errorf("kind = %q, want %q (%v)", got, tt.want, err)
			}
		})
	}
	digest := put(t, s, "hello")
	if _, err := s.ReadAll(t.Context(), digest, 4); trellis.KindOf(err) != trellis.Exhausted {
		t.Errorf("read with a smaller limit: %v", err)
	}
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("something is left: %v", got)
	}
}

// TestFailures: what was not received as a whole leaves nothing behind.
func TestFailures(t *testing.T) {
	s, dir := open(t)
	broken := errors.New("connection lost")
	if _, _, err := s.Put(t.Context(), io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), 100); !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Put(ctx, strings.NewReader("x"), 100); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("something is left: %v", got)
	}
}

// TestNames: nothing but a digest names a blob, so that no name leads elsewhere.
func TestNames(t *testing.T) {
	s, dir := open(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "../secret", "..", strings.Repeat("../", 21) + "x", strings.Repeat("A", 64), strings.Repeat("g", 64), strings.Repeat("a", 63), strings.Repeat("a", 65), strings.Repeat("a", 64) + "\n", "/etc/passwd"} {
		if _, err := s.Get(t.Context(), name); trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("get %q: %v", name, err)
		}
		if _, err := s.ReadAll(t.Context(), name, 100); trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("read %q: %v", name, err)
		}
		if err := s.Delete(t.Context(), name); trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("delete %q: %v", name, err)
		}
	}
}

// TestDamage: bytes that are not those of the digest are not handed out, and
// storing them again mends it.
func TestDamage(t *testing.T) {
	s, dir := open(t)
	digest := put(t, s, "hello")
	if err := os.WriteFile(filepath.Join(dir, digest[:2], digest[2:]), []byte("jello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadAll(t.Context(), digest, 100); trellis.KindOf(err) != trellis.Internal || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("err = %v", err)
	}
	put(t, s, "hello")
	if raw, err := s.ReadAll(t.Context(), digest, 100); err != nil || string(raw) != "hello" {
		t.Errorf("%q, %v", raw, err)
	}
}

// TestLeftovers: what a process that died had begun is removed, but not what
// another may still be writing.
func TestLeftovers(t *testing.T) {
	_, dir := open(t)
	old, young := filepath.Join(dir, "incoming-1"), filepath.Join(dir, "incoming-2")
	for _, path := range []string{old, young} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	if _, err := blob.Open(dir); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); len(got) != 1 || got[0] != young {
		t.Errorf("left %v", got)
	}
}

// TestTogether: many who store, read and remove the same see it whole or not at all.
func TestTogether(t *testing.T) {
	s, _ := open(t)
	text := bytes.Repeat([]byte("x"), 200_000)
	digest := put(t, s, string(text))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if _, _, err := s.Put(t.Context(), bytes.NewReader(text), math.MaxInt64); err != nil {
					t.Error(err)
				}
				if _, err := s.ReadAll(t.Context(), digest, math.MaxInt64); err != nil && trellis.KindOf(err) != trellis.NotFound {
					t.Error(err)
				}
				if err := s.Delete(t.Context(), digest); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
