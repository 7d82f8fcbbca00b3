package extensions

import (
	"bytes"
	"context"

	"github.com/trellis-learning/trellis"
)

// Asset returns a file below assets/ of a bundle that is installed somewhere,
// named by the digest of the bundle.
func (r *Registry) Asset(ctx context.Context, digest, name string) ([]byte, error) {
	for _, t := range r.now.Load().tenants {
		for _, in := range t.all {
			if in.digest != digest {
				continue
			}
			raw, err := r.cfg.Blobs.ReadAll(ctx, in.bundle, MaxBundle)
			if err != nil {
				return nil, err
			}
			b, err := ReadBundle(bytes.NewReader(raw), int64(len(raw)))
			if err != nil {
				return nil, err
			}
			if data, ok := b.Asset(name); ok {
				return data, nil
			}
		}
	}
	return nil, trellis.Errorf(trellis.NotFound, "there is no such file")
}
