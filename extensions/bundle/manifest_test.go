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

// TestReadKept: what was taken in when less was asked of its words can still be read,
// and looks like what it is.
func TestReadKept(t *testing.T) {
	const raw = `{"id":"acme.x","version":"1.0.0","abi":1,"title":"Invoice\u202efdp","description":"\u200bOf May","jobs":[{"name":"tidy","call":"toil"}],
		"secrets":[{"name":"key","title":"K\u00adey"}],"settings":{"type":"object","properties":{"a":{"type":"string","title":"\u202eA"}}}}`
	_, err := bundle.ReadManifest([]byte(raw))
	kind(t, "anew", err, trellis.Invalid, "title: holds U+202E", "description: holds U+200B", "settings: a: title: holds U+202E")
	m, err := bundle.ReadKept([]byte(raw))
	must(t, err)
	if m.Title != "Invoicefdp" || m.Description != "Of May" || m.Secrets[0].Title != "Key" {
		t.Errorf("%+q, %+q, %+q", m.Title, m.Description, m.Secrets[0].Title)
	}
	_, err = bundle.ReadKept([]byte(strings.Replace(raw, `"abi":1`, `"abi":2`, 1)))
	kind(t, "what nobody can run", err, trellis.Invalid, "abi: must be 1")
}
