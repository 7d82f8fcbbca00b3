package main

import (
	"encoding/json"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

// slotAttempts returns what is asked where an extension fills or changes pages, and of
// their actions with these values. What only shows may not write.
func (c *extRunCmd) slotAttempts(m bundle.Manifest, settings, values json.RawMessage) []attempt {
	var all []attempt
	for _, s := range m.Slots {
		asked := slots.Asked{
			Slot: s.Slot, Tenant: "demo", Course: c.Course, Person: &slots.Person{ID: "0190b5a0-0000-7000-8000-000000000001", Roles: []string{trellis.RoleLearner}},
			Settings: settings, Locale: "en", Trace: trellis.NewTraceID(), Time: time.Now().UTC(),
		}
		if s.Call != "" {
			all = append(all, attempt{hook: s.Call, in: asked, reads: true, taken: readTree})
		}
		for _, name := range s.Actions {
			all = append(all, attempt{hook: name, in: slots.Acted{Asked: asked, ID: trellis.NewID(), Action: name, Values: values}, action: true, taken: readReply})
		}
	}
	return all
}

// showsNothing reports whether an answer says that there is nothing to show.
func showsNothing(out []byte) bool { return string(out) == "null" || len(out) == 0 }

// readTree says what the platform says to what an extension shows.
func readTree(out []byte) error {
	if showsNothing(out) {
		return nil
	}
	_, err := tree.Decode(out)
	return err
}

// readReply says what the platform says to the answer of an action.
func readReply(out []byte) error {
	_, _, err := slots.ReadReply(out)
	return err
}
