package extensions_test

import (
	"fmt"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
)

// TestUploading: a tenant whose bundles come slowly holds up itself, and no other; all
// of them together are bounded; and who has done makes room, once.
func TestUploading(t *testing.T) {
	r := &extensions.Registry{}
	begin := func(tenant string) (func(), error) {
		done, err := r.Uploading(trellis.WithActor(t.Context(), trellis.Actor{Tenant: tenant, ID: "ada", Kind: trellis.PersonActor}))
		if err != nil && (trellis.KindOf(err) != trellis.Exhausted || trellis.RetryAfter(err) <= 0) {
			t.Errorf("%s: %v", tenant, err)
		}
		return done, err
	}
	var slow []func()
	for {
		done, err := begin("slow")
		if err != nil {
			break
		}
		slow = append(slow, done)
	}
	if len(slow) != 4 {
		t.Errorf("one tenant has %d at once", len(slow))
	}
	done, err := begin("other")
	if err != nil {
		t.Fatalf("another tenant: %v", err)
	}
	done()
	done() // counts once
	slow[0]()
	if slow[0], err = begin("slow"); err != nil {
		t.Errorf("after one has done: %v", err)
	}
	all := len(slow)
	for i := range 100 {
		if _, err := begin(fmt.Sprint("tenant-", i)); err == nil {
			all++
		}
	}
	if all != 32 {
		t.Errorf("%d at once", all)
	}
	slow[0]()
	if _, err := begin("late"); err != nil {
		t.Errorf("after one of all has done: %v", err)
	}
}
