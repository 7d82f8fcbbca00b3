package slots_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/trellis-learning/trellis/extensions/slots"
)

// TestTurns: one who brings more than runs at once, none of which ends, has no more
// than three places of them, and what others bring after that is all done.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var things []string
		for range 200 {
			things = append(things, "flooder")
		}
		for range 4 {
			things = append(things, "one", "two")
		}
		begun := make(chan string, len(things))
		end := make(chan struct{})
		slots.TakeTurns(ctx, things, func(s string) string { return s }, func(s string) {
			begun <- s
			if s == "flooder" {
				<-end
			}
		})
		synctest.Wait()
		count := func() map[string]int {
			n := map[string]int{}
			for len(begun) > 0 {
				n[<-begun]++
			}
			return n
		}
		if n := count(); n["flooder"] != 3 || n["one"] != 4 || n["two"] != 4 {
			t.Errorf("begun are %v", n)
		}
		cancel()
		close(end)
		synctest.Wait()
		if n := count(); len(n) != 0 {
			t.Errorf("then are begun %v", n)
		}
	})
}
