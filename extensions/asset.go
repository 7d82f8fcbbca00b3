package extensions

import (
	"bytes"
	"context"
	"io/fs"
	"strings"
	"sync"

	"github.com/trellis-learning/trellis"
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
	raw, err := r.cfg.Blobs.ReadAll(ctx, blob, MaxBundle)
	if err != nil {
		return nil, err
	}
	b, err := ReadBundle(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for path, data := range b.Files {
		if name, ok := strings.CutPrefix(path, assetDirectory); ok {
			files[name] = data
		}
	}
	return files, nil
}

// maxShelf is how many bytes of unpacked assets are held; beyond it the bundle that
// was unpacked first goes. It is more than one bundle can have.
const maxShelf = 2 * maxUnpacked

// shelf holds the assets of bundles that were asked for last: a page asks for
// several, and to unpack the bundle for each would let anybody keep a processor
// busy. The zero value is empty.
type shelf struct {
	unpacking sync.Mutex // one at a time, since each takes as much as a bundle

	mu      sync.Mutex
	bundles []unpacked // in the order of unpacking
	size    int
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
	b := unpacked{digest: digest, files: files}
	for name, data := range files {
		b.size += len(name) + len(data)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bundles, s.size = append(s.bundles, b), s.size+b.size
	for s.size > maxShelf || len(s.bundles) > 100 {
		s.size -= s.bundles[0].size
		s.bundles = append([]unpacked{}, s.bundles[1:]...)
	}
}
