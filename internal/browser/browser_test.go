//go:build browser

package browser_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/trellis-learning/trellis/internal/browser"
)

func gallery(t *testing.T) *server {
	t.Helper()
	return site(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "testdata/gallery.html")
	}})
}

// TestGallery: every component in every state, as every person may see it.
func TestGallery(t *testing.T) {
	tab := browser.Open(t)
	browser.CheckEverywhere(t, tab, gallery(t).URL, nil)
}

// TestSizes: what every visitor loads first is small.
func TestSizes(t *testing.T) {
	for name, limit := range map[string]int64{"trellis.css": 14 << 10, "trellis.js": 8 << 10} {
		source, err := os.ReadFile("../pages/frame/static/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var size counter
		zip, _ := gzip.NewWriterLevel(&size, gzip.BestCompression)
		_, _ = zip.Write(source)
		_ = zip.Close()
		if int64(size) > limit {
			t.Errorf("%s has %d bytes gzipped, more than %d", name, size, limit)
		}
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

var _ io.Writer = (*counter)(nil)
