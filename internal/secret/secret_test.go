package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
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
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("opened", "key", one, "value", *one, "held", struct{ Key *secret.Key }{one})
	in, err := json.Marshal(map[string]any{"key": one, "value": *one})
	if err != nil {
		t.Fatal(err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(raw)))
	if err != nil || len(key) != 32 {
		t.Fatalf("the file has %d bytes, %v", len(key), err)
	}
	for _, s := range []string{fmt.Sprintf("%v %+v %#v %s %d %x %q", one, one, one, one, one, one, one), fmt.Sprintf("%v %+v %#v %s %d %x", *one, *one, *one, *one, *one, *one), logged.String(), string(in)} {
		if strings.Contains(s, strings.TrimSpace(string(raw))) || strings.Contains(s, fmt.Sprint(key[0], key[1], key[2])) || strings.Contains(s, hex.EncodeToString(key[:4])) || !strings.Contains(s, "[key]") {
			t.Errorf("the key prints itself: %s", s)
		}
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

// TestOpenTogether: many who start at once have the same key, as a whole.
func TestOpenTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	derived := make([][]byte, 16)
	var wg sync.WaitGroup
	for i := range derived {
		wg.Go(func() {
			k, err := secret.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			derived[i] = k.Derive("x")
		})
	}
	wg.Wait()
	for _, d := range derived {
		if !bytes.Equal(d, derived[0]) {
			t.Fatal("two keys were made")
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left over: %v, %v", entries, err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
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
