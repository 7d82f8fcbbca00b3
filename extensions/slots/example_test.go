package slots_test

import (
	"fmt"

	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/extensions/slots"
)

// A page asks for its places by name, and a manifest names the same ones. Whoever
// enables the extension reads where that is.
func ExamplePlaces() {
	known := bundle.Known{Slots: slots.Places()}
	m, err := bundle.ReadManifest([]byte(`{"id": "acme.poll", "version": "1.0.0", "abi": 1, "title": "Poll",
		"slots": [{"slot": "course.sidebar.v1", "call": "card", "actions": ["vote"], "when": {"roles": ["learner"], "percent": 50}}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range m.Sentences(known) {
		fmt.Println(s.Text)
	}
	// Output:
	// Shows something in the side column of the course page, to learners, to 50 of 100 people
	// Can be asked by people in the page: vote
}
