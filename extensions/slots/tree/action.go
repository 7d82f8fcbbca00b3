package tree

import (
	"encoding/json"
	"net/url"

	"github.com/trellis-learning/trellis"
)

// Action is what a button or a form of a tree offers to do. It has a JSON form,
// for whoever must make sure that only what was offered is done.
type Action struct {
	Export string            `json:"export"`
	Values map[string]string `json:"values,omitempty"`
	Fields []FormField       `json:"fields,omitempty"` // what [Action.Read] needs of them: no hints, no defaults
}

// FieldPrefix begins the name of each input of a form that is a field of its
// action. So a field never has the name of an input of ours, such as the CSRF
// token, nor of a property of the form in a script.
const FieldPrefix = "f."

// Read checks what was sent for an action against the declared types. It returns
// the JSON object that the guest gets, which has the fixed values and every field:
// a text ("" if empty), a number, a boolean; null for a number, a date or a choice
// that was left out. Faults say by the field's name what a person can correct; an
// error is of what no form of ours sends. Keys without [FieldPrefix] are not looked
// at.
func (a Action) Read(values url.Values) (json.RawMessage, map[string]string, error) {
	return nil, nil, trellis.Errorf(trellis.Unavailable, "not yet")
}

// Same reports whether two actions are offered by the same button or form: they
// ask the same export with the same values.
func (a Action) Same(b Action) bool { return a.Export == b.Export }

// Actions returns each button and form of the tree, in the order of the tree.
func (n Node) Actions() []Action { return nil }
