package secret_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/secret"
)

func key(t testing.TB) *secret.Key {
	t.Helper()
	k, err := secret.Open(filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	one, err := secret.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	two, err := secret.Open(path)
	if err != nil || !bytes.Equal(one.Derive("x"), two.Derive("x")) || bytes.Equal(one.Derive("x"), one.Derive("y")) {
		t.Errorf("the key is not the same (%v)", err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%v %+v %#v %s", one, one, one, one); strings.Contains(s, strings.TrimSpace(string(raw))) || !strings.Contains(s, "[key]") {
		t.Errorf("the key prints itself: %s", s)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := secret.Open(path); trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("a key that others may read: %v", err)
		}
	}
	if _, err := secret.Parse("c2hvcnQ="); trellis.KindOf(err) != trellis.Invalid {
		t.Errorf("a short key: %v", err)
	}
}

func TestSeal(t *testing.T) {
	k := key(t)
	sealed, err := k.Seal([]byte("hello"), "here")
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := k.Unseal(sealed, "here"); err != nil || string(plain) != "hello" {
		t.Errorf("%q, %v", plain, err)
	}
	if _, err := k.Unseal(sealed, "there"); trellis.KindOf(err) != trellis.Invalid {
		t.Errorf("moved: %v", err)
	}
	if _, err := key(t).Unseal(sealed, "here"); trellis.KindOf(err) != trellis.Invalid {
		t.Errorf("another key: %v", err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := k.Unseal(changed, "here"); err == nil {
			t.Errorf("byte %d may be changed", i)
		}
	}
}

func TestSealStream(t *testing.T) {
	k := key(t)
	const chunk = 64<<10 + 16
	for _, size := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 200_000} {
		plain := bytes.Repeat([]byte("x"), size)
		var sealed, back bytes.Buffer
		if err := k.SealStream(&sealed, bytes.NewReader(plain), "here"); err != nil {
			t.Fatal(err)
		}
		raw := sealed.Bytes()
		if err := k.UnsealStream(&back, bytes.NewReader(raw), "here"); err != nil || !bytes.Equal(back.Bytes(), plain) {
			t.Errorf("%d bytes: %d came back, %v", size, back.Len(), err)
		}
		for _, bad := range [][]byte{raw[:len(raw)-1], append(bytes.Clone(raw), 0), raw[:17], {}} {
			if err := k.UnsealStream(&back, bytes.NewReader(bad), "here"); err == nil {
				t.Errorf("%d bytes: cut or longer by some, and opened", size)
			}
		}
		if len(raw) > 17+2*chunk { // chunks may be neither left off nor swapped
			if err := k.UnsealStream(&back, bytes.NewReader(raw[:17+chunk]), "here"); err == nil {
				t.Error("cut after a chunk")
			}
			swapped := append(append(bytes.Clone(raw[:17]), raw[17+chunk:17+2*chunk]...), raw[17:17+chunk]...)
			if err := k.UnsealStream(&back, bytes.NewReader(append(swapped, raw[17+2*chunk:]...)), "here"); err == nil {
				t.Error("chunks were swapped")
			}
		}
	}
}

func FuzzUnseal(f *testing.F) {
	k := key(f)
	sealed, err := k.Seal([]byte("x"), "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if plain, err := k.Unseal(raw, ""); err == nil && string(plain) != "x" {
			t.Errorf("forged %q", plain)
		}
		var out bytes.Buffer
		if err := k.UnsealStream(&out, bytes.NewReader(raw), ""); err == nil {
			t.Error("a forged stream")
		}
	})
}
