package main

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

// slotInput returns what a hook of a slot is told when it is tried here, if there
// is one of that name, and how the platform would take its answer. Without a name it
// is the first slot that shows something. The values of an action are given as data.
// What only shows may not write (reads).
func (c *extRunCmd) slotInput(m bundle.Manifest, settings, data json.RawMessage) (hook string, in any, reads bool, taken func([]byte) error) {
	for _, s := range m.Slots {
		asked := slots.Asked{
			Slot: s.Slot, Tenant: "demo", Course: c.Course, Person: &slots.Person{ID: "0190b5a0-0000-7000-8000-000000000001", Roles: []string{trellis.RoleLearner}},
			Settings: settings, Locale: "en", Trace: trellis.NewTraceID(), Time: time.Now().UTC(),
		}
		switch {
		case s.Call != "" && (c.Hook == "" || c.Hook == s.Call):
			return s.Call, asked, true, func(out []byte) error {
				if string(out) == "null" || len(out) == 0 {
					return nil
				}
				_, err := tree.Decode(out)
				return err
			}
		case c.Hook != "" && slices.Contains(s.Actions, c.Hook):
			values := json.RawMessage("{}")
			if c.Data != "" {
				values = data
			}
			return c.Hook, slots.Acted{Asked: asked, ID: trellis.NewID(), Action: c.Hook, Values: values}, false, func(out []byte) error {
				_, _, err := slots.ReadReply(out)
				return err
			}
		}
	}
	return "", nil, false, nil
}
