package extensions

import (
	"bytes"
	"context"
	"io/fs"
	"sync"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

// Asset returns a file below assets/ of a bundle that is installed somewhere,
// named by the digest of the bundle. What it returns is not to be changed: it is
// what others get, too.
func (r *Registry) Asset(ctx context.Context, digest, name string) ([]byte, error) {
	held, ok := r.now.Load().bundleOf(digest)
	if !ok || !fs.ValidPath(name) {
		return nil, errNoFile()
	}
	files, err := r.assets.of(ctx, digest, func() (map[string][]byte, error) { return r.unpack(ctx, held) })
	if err != nil {
		return nil, err
	}
	data, ok := files[name]
	if !ok {
		return nil, errNoFile()
	}
	return data, nil
}

// HasAsset reports whether the bundle of a hook has a file below assets/. The first
// time it may take as long as the bundle takes to unpack, if ctx allows.
func (h Hook) HasAsset(ctx context.Context, name string) bool {
	in := h.s.inst
	return fs.ValidPath(name) && h.r.assets.has(ctx, in.digest, name, func() (map[string][]byte, error) { return h.r.unpack(ctx, in.bundle) })
}

func errNoFile() error { return trellis.Errorf(trellis.NotFound, "there is no such file") }

// bundleOf returns the blob of the bundle with a digest, if it is installed.
func (s *snapshot) bundleOf(digest string) (blob string, ok bool) {
	for _, t := range s.tenants {
		for _, in := range t.all {
			if in.digest == digest {
				return in.bundle, true
			}
		}
	}
	return "", false
}

// unpack returns what is below assets/ of a bundle.
func (r *Registry) unpack(ctx context.Context, blob string) (map[string][]byte, error) {
	raw, err := r.cfg.Blobs.ReadAll(ctx, blob, bundle.MaxSize)
	if err != nil {
		return nil, err
	}
	b, err := bundle.Read(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, err
	}
	return b.Assets(), nil
}

// maxShelf is how many bytes of unpacked assets are held; beyond it the bundle that
// was unpacked first goes. It is more than one bundle can have.
const maxShelf = 2 * bundle.MaxUnpacked

// shelf holds the assets of bundles that were asked for last: a page asks for
// several, and to unpack the bundle for each would let anybody keep a processor
// busy. The zero value is empty.
type shelf struct {
	unpacking sync.Mutex // one at a time, since each takes as much as a bundle

	mu      sync.Mutex
	bundles []unpacked // in the order of unpacking
	size    int
	names   map[string]map[string]bool // of the files, by digest: also of bundles that have gone
}

type unpacked struct {
	digest string
	files  map[string][]byte
	size   int
}

// of returns the assets of a bundle, which unpack reads if they are not held.
func (s *shelf) of(ctx context.Context, digest string, unpack func() (map[string][]byte, error)) (map[string][]byte, error) {
	if files, ok := s.get(digest); ok {
		return files, nil
	}
	s.unpacking.Lock()
	defer s.unpacking.Unlock()
	if files, ok := s.get(digest); ok { // meanwhile
		return files, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	files, err := unpack()
	if err == nil {
		s.put(digest, files)
	}
	return files, err
}

// maxNames is of how many bundles the names of files are held. Beyond it, all are
// forgotten.
const maxNames = 1000

// has reports whether a bundle, which unpack reads if it was not seen yet, has a file.
func (s *shelf) has(ctx context.Context, digest, name string, unpack func() (map[string][]byte, error)) bool {
	s.mu.Lock()
	names, known := s.names[digest]
	s.mu.Unlock()
	if known {
		return names[name]
	}
	files, err := s.of(ctx, digest, unpack)
	if err != nil {
		return false
	}
	_, ok := files[name]
	return ok
}

func (s *shelf) get(digest string) (map[string][]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.bundles {
		if b.digest == digest {
			return b.files, true
		}
	}
	return nil, false
}

func (s *shelf) put(digest string, files map[string][]byte) {
	b, names := unpacked{digest: digest, files: files}, map[string]bool{}
	for name, data := range files {
		b.size += len(name) + len(data)
		names[name] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names == nil || len(s.names) >= maxNames {
		s.names = map[string]map[string]bool{}
	}
	s.names[digest] = names
	s.bundles, s.size = append(s.bundles, b), s.size+b.size
	for s.size > maxShelf || len(s.bundles) > 100 {
		s.size -= s.bundles[0].size
		s.bundles = append([]unpacked{}, s.bundles[1:]...)
	}
}
