package frame

import (
	"testing"

	"github.com/trellis-learning/trellis"
)

// TestLookingChangesNothing: a page that is looked at cannot do what writes, not
// even by mistake. No page has such a mistake for a test to make from outside.
func TestLookingChangesNothing(t *testing.T) {
	f := &Frame{writes: map[string]bool{"enrollments.create": true}}
	r := &Request{f: f, looking: true, Ctx: t.Context()}
	if _, err := Call[struct{}](r, "enrollments.create", struct{}{}); trellis.KindOf(err) != trellis.Internal {
		t.Errorf("it was done: %v", err)
	}
}
