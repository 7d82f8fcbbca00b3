package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots"
)

// clashes returns where an extension and others get in each other's way in pages, as
// far as that can be learnt.
func (w where) clashes(e *env) []extensions.SlotConflict {
	var list slots.Listed
	if err := w.do(e.ctx, "GET", "/api/v1/slots", params("course", w.Course), nil, &list); err != nil {
		return nil // it is an addition to what was asked for
	}
	var found []extensions.SlotConflict
	for _, place := range list.Items {
		for _, c := range place.Conflicts {
			if c.Target == w.ID || slices.Contains(c.Extensions, w.ID) {
				found = append(found, c)
			}
		}
	}
	return found
}

// writeClashes writes where extensions get in each other's way.
func writeClashes(w io.Writer, clashes []extensions.SlotConflict) {
	for _, c := range clashes {
		fmt.Fprintf(w, "TAKE CARE (%s): %s\n", c.Slot, c.Text)
	}
}
