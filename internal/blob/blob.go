// Package blob keeps bytes by their digest: bundles, uploads, compiled guests.
// What is stored never changes.
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
)

// Store is a directory of blobs. It is safe for concurrent use, by several
// processes too.
type Store struct{ dir string }

const temporary = "incoming-"

// Open opens the directory, making it if there is none (mode 0700), and removes
// what was half written an hour ago or longer.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), temporary) && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(filepath.Join(dir, e.Name())) // worth no failure
		}
	}
	return &Store{dir}, nil
}

var digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// path returns where a blob is: ab/cdef….
func (s *Store) path(digest string) (string, error) {
	if !digestPattern.MatchString(digest) {
		return "", trellis.Errorf(trellis.Invalid, "%.80q is not a digest", digest)
	}
	return filepath.Join(s.dir, digest[:2], digest[2:]), nil
}

// Put stores what r has and returns its digest (hexadecimal SHA-256) and size. It
// is durable when Put returns, and there as a whole or not at all. More than limit
// bytes is [trellis.Exhausted].
func (s *Store) Put(ctx context.Context, r io.Reader, limit int64) (digest string, n int64, err error) {
	f, err := os.CreateTemp(s.dir, temporary)
	if err != nil {
		return "", 0, fmt.Errorf("store blob: %w", err)
	}
	digest, n, err = receive(ctx, f, r, limit)
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.settle(f.Name(), digest)
	}
	if err != nil {
		return "", 0, errors.Join(err, os.Remove(f.Name()))
	}
	return digest, n, nil
}

// receive writes what r has into f, durably.
func receive(ctx context.Context, f *os.File, r io.Reader, limit int64) (string, int64, error) {
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(&reader{ctx, r}, min(limit, math.MaxInt64-1)+1))
	switch {
	case err != nil:
		return "", 0, err
	case n > limit:
		return "", 0, trellis.Errorf(trellis.Exhausted, "more than %d bytes", limit)
	}
	if err := f.Sync(); err != nil {
		return "", 0, fmt.Errorf("store blob: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}

// settle gives a file its name, durably: the directory in which that stands may be
// new as well.
func (s *Store) settle(name, digest string) error {
	path, err := s.path(digest)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("store blob: %w", err)
	}
	if err := os.Rename(name, path); err != nil {
		return fmt.Errorf("store blob: %w", err)
	}
	return errors.Join(syncDir(filepath.Dir(path)), syncDir(s.dir))
}

// syncDir makes a new name durable, where the system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("store blob: %w", err)
	}
	_ = d.Sync() // not every system syncs directories
	return d.Close()
}

type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// Get opens a blob. The caller closes it. Its bytes are not checked against the
// digest; [Store.ReadAll] does that.
func (s *Store) Get(_ context.Context, digest string) (*os.File, error) {
	path, err := s.path(digest)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, trellis.Errorf(trellis.NotFound, "blob %s", digest)
	}
	return f, err
}

// ReadAll returns a blob of at most limit bytes and checks that it is what its
// digest says.
func (s *Store) ReadAll(ctx context.Context, digest string, limit int64) ([]byte, error) {
	f, err := s.Get(ctx, digest)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, min(limit, math.MaxInt64-1)+1))
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", digest, err)
	}
	if int64(len(raw)) > limit {
		return nil, trellis.Errorf(trellis.Exhausted, "blob %s has more than %d bytes", digest, limit)
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != digest {
		return nil, trellis.Errorf(trellis.Internal, "blob %s is damaged", digest)
	}
	return raw, nil
}

// Delete removes a blob, if there is one.
func (s *Store) Delete(_ context.Context, digest string) error {
	path, err := s.path(digest)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
