package bundle_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

// TestWork: how much work a manifest may ask for has a bound, and whoever grants it
// is told of it.
func TestWork(t *testing.T) {
	const manifest = `{"id":"acme.x","version":"1.0.0","abi":1,"title":"X","limits":{"work":"%s"},"jobs":[{"name":"tidy","call":"toil"}]}`
	for _, work := range []string{"250ms", "11m", "much", "-1s"} {
		_, err := bundle.ReadManifest(fmt.Appendf(nil, manifest, work))
		kind(t, work, err, trellis.Invalid, "limits: work: must be more than 250ms and at most 10m0s")
	}
	m, err := bundle.ReadManifest(fmt.Appendf(nil, manifest, "30s"))
	must(t, err)
	if asks := fmt.Sprint(m.Sentences(bundle.Known{})); !strings.Contains(asks, "May compute for 30s at a time where nobody waits for it") {
		t.Errorf("it asks for %s", asks)
	}
}
