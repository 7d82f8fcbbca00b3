// Package secret seals what must be kept but not be readable: secrets of
// extensions, uploads. One master key, which never leaves its file, gives a key
// for each purpose.
package secret

import (
	"bufio"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/trellis-learning/trellis"
)

// Key is the master key. It does not print itself. It is safe for concurrent use.
type Key struct{ master [32]byte }

// Format hides the key, whatever the verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[key]") }

// LogValue hides the key.
func (Key) LogValue() slog.Value { return slog.StringValue("[key]") }

// MarshalText hides the key.
func (Key) MarshalText() ([]byte, error) { return []byte("[key]"), nil }

// Parse reads a key from base64, as an environment variable may have it.
func Parse(s string) (*Key, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
	if err != nil || len(raw) != 32 {
		return nil, trellis.Errorf(trellis.Invalid, "a master key is 32 bytes in base64")
	}
	k := &Key{}
	copy(k.master[:], raw)
	return k, nil
}

// Open reads the master key from a file, making both if there is none. A file
// that others may read is refused, where the system knows such modes.
func Open(path string) (*Key, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read master key: %w", err)
	}
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("read master key: %w", err)
	} else if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, trellis.Errorf(trellis.Invalid, "others may read the master key %s: its mode is %04o, it must be 0600", path, info.Mode().Perm())
	}
	k, err := Parse(string(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

func create(path string) (*Key, error) {
	k := &Key{}
	_, _ = rand.Read(k.master[:])                                            // never fails (crypto/rand, Go 1.24)
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("make master key: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(k.master[:]) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("write master key: %w", err)
	}
	// The key appears under its name as a whole, and never in the place of one
	// that somebody else made at the same moment.
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return Open(path)
	} else if err != nil {
		return nil, fmt.Errorf("make master key: %w", err)
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync() // not every system syncs directories
		_ = dir.Close()
	}
	return k, nil
}

// Derive returns 32 bytes that the key and the purpose determine (HKDF-SHA-256,
// RFC 5869).
func (k *Key) Derive(purpose string) []byte {
	out, err := hkdf.Key(sha256.New, k.master[:], nil, "trellis/"+purpose, 32)
	if err != nil {
		panic(err) // 32 bytes are always to be had
	}
	return out
}

// The version of what is sealed, as its first byte.
const (
	sealedOne  = 1
	sealedMany = 2
)

// errForged says nothing more, so that nobody learns from it.
var errForged = trellis.Errorf(trellis.Invalid, "sealed data was changed, cut, moved to another place, or is of another key")

// Seal encrypts plain (XChaCha20-Poly1305). It opens only with the same context:
// a sealed value that is moved to another place is worthless there.
func (k *Key) Seal(plain []byte, context string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k.Derive("seal"))
	if err != nil {
		return nil, err
	}
	out := make([]byte, 1+aead.NonceSize(), 1+aead.NonceSize()+len(plain)+aead.Overhead())
	out[0] = sealedOne
	_, _ = rand.Read(out[1:])
	return aead.Seal(out, out[1:], plain, []byte(context)), nil
}

// Unseal decrypts what [Key.Seal] made.
func (k *Key) Unseal(sealed []byte, context string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k.Derive("seal"))
	if err != nil {
		return nil, err
	}
	n := 1 + aead.NonceSize()
	if len(sealed) < n || sealed[0] != sealedOne {
		return nil, errForged
	}
	plain, err := aead.Open(nil, sealed[1:n], sealed[n:], []byte(context))
	if err != nil {
		return nil, errForged
	}
	return plain, nil
}

// chunk is how much of a stream is sealed at once.
const chunk = 64 << 10

// SealStream copies r to w, sealed in chunks (the STREAM construction of Hoang,
// Reyhanitabar, Rogaway and Vizár, 2015): chunks can be neither changed, moved,
// repeated nor left off at the end.
func (k *Key) SealStream(w io.Writer, r io.Reader, context string) error {
	head := make([]byte, 1+16)
	head[0] = sealedMany
	_, _ = rand.Read(head[1:])
	aead, err := k.stream(head[1:])
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	in := bufio.NewReaderSize(&sticky{r: r}, chunk+1)
	buf := make([]byte, chunk)
	var sealed []byte
	for n := uint64(0); ; n++ {
		size, err := io.ReadFull(in, buf)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		_, end := in.Peek(1)
		last := end != nil
		if last && !errors.Is(end, io.EOF) {
			return end
		}
		sealed = aead.Seal(sealed[:0], nonce(n, last), buf[:size], []byte(context))
		if _, err := w.Write(sealed); err != nil {
			return err
		}
		if last {
			return nil
		}
	}
}

// UnsealStream copies what [Key.SealStream] made from r to w. What was written
// before an error must not be used.
func (k *Key) UnsealStream(w io.Writer, r io.Reader, context string) error {
	head := make([]byte, 1+16)
	if _, err := io.ReadFull(r, head); err != nil || head[0] != sealedMany {
		return errForged
	}
	aead, err := k.stream(head[1:])
	if err != nil {
		return err
	}
	in := bufio.NewReaderSize(&sticky{r: r}, chunk+aead.Overhead()+1)
	buf := make([]byte, chunk+aead.Overhead())
	var plain []byte
	for n := uint64(0); ; n++ {
		size, err := io.ReadFull(in, buf)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			if errors.Is(err, io.EOF) {
				return errForged
			}
			return err
		}
		_, end := in.Peek(1)
		last := errors.Is(end, io.EOF)
		if plain, err = aead.Open(plain[:0], nonce(n, last), buf[:size], []byte(context)); err != nil {
			return errForged
		}
		if _, err := w.Write(plain); err != nil {
			return err
		}
		if last {
			return nil
		}
	}
}

// sticky reads nothing more after an error: not every reader says twice that it is
// at its end.
type sticky struct {
	r   io.Reader
	err error
}

func (s *sticky) Read(p []byte) (n int, err error) {
	if s.err != nil {
		return 0, s.err
	}
	n, s.err = s.r.Read(p)
	return n, s.err
}

// stream returns the cipher of one stream: its key comes from the salt.
func (k *Key) stream(salt []byte) (cipher.AEAD, error) {
	return chacha20poly1305.New(k.Derive("stream/" + base64.StdEncoding.EncodeToString(salt)))
}

func nonce(n uint64, last bool) []byte {
	b := make([]byte, chacha20poly1305.NonceSize)
	binary.BigEndian.PutUint64(b[3:], n)
	if last {
		b[11] = 1
	}
	return b
}
