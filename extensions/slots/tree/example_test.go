package tree_test

import (
	"fmt"
	"net/url"
	"os"

	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

// What an extension shows is JSON. What it becomes is HTML that has nothing of the
// extension's own but its texts.
func ExampleRender() {
	n, err := tree.Decode([]byte(`{"kind": "card", "title": "Today", "children": [
		{"kind": "text", "runs": ["Enrolled: ", {"text": "12", "style": "strong"}, " <b>"]}]}`))
	if err != nil {
		panic(err)
	}
	if err := tree.Render(os.Stdout, n, tree.Options{ID: "slot"}); err != nil {
		panic(err)
	}
	// Output:
	// <div class="tr-card"><h3 class="tr-heading" dir="auto">Today</h3><p class="tr-text" dir="auto">Enrolled: <strong>12</strong> &lt;b&gt;</p></div>
}

// What is no tree is refused, with its place.
func ExampleDecode() {
	_, err := tree.Decode([]byte(`{"kind": "stack", "children": ["a", {"kind": "text", "text": "b", "onclick": "alert(1)"}]}`))
	fmt.Println(err)
	// Output:
	// /children/1/onclick: unknown key; a text has text, runs, tone
}

// What a form sends is held against the fields that it was shown with.
func ExampleAction_Read() {
	n, err := tree.Decode([]byte(`{"kind": "form", "action": "save", "submit": "Save", "fields": [
		{"type": "integer", "name": "days", "label": "Days", "min": 0, "max": 30, "required": true}]}`))
	if err != nil {
		panic(err)
	}
	action := n.Actions()[0]
	for _, entered := range []string{"14", "many"} {
		raw, faults, err := action.Read(url.Values{tree.FieldPrefix + "days": {entered}})
		fmt.Println(string(raw), faults, err)
	}
	// Output:
	// {"days":14} map[] <nil>
	//  map[days:Enter a whole number from 0 to 30.] <nil>
}
