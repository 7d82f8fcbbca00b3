package bundle_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

const side = "test.side.v1"

// slotted is a manifest that has nothing but slots.
func slotted(id, slots string) []byte {
	return []byte(`{"id":"` + id + `","version":"1.0.0","abi":1,"title":"X","slots":` + slots + `}`)
}

// lines are so many slots, each in a place of its own.
func lines(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"slot":"test.side%d.v1","call":"card"}`, i))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// TestSlotManifest: each fault of a line is found, with its place; what is right is
// taken, with its defaults.
func TestSlotManifest(t *testing.T) {
	for _, tt := range []struct{ slots, want string }{
		{`[{"slot":"test.side.v1","call":"card"}]`, ""},
		{`[{"slot":"test.side.v1","op":"hide","target":"default"}]`, ""},
		{`[{"slot":"test.side.v1","op":"modify","target":"acme.y","patch":{"title":"x"}}]`, ""},
		{`[{"slot":"test.side.v1","op":"replace","target":"default","call":"card","order":1,"title":"Card","refresh_on":["org.openedx.learning.*","acme.x.counted"],"actions":["vote"]}]`, ""},
		{`[{"slot":"test.side.v1","op":"wrap","target":"default","before":{"kind":"text","text":"Hello"},"after":{"kind":"text"},"actions":["vote"]}]`, ""},
		{`[{"slot":"test.side.v1","call":"card","when":{"roles":["staff","tenant-admin"],"courses":["course-v1:A+B+1","course-v1:A+*"],"percent":50}}]`, ""},
		{`[{"slot":"test.side.v1","call":"card"},{"slot":"test.side.v1","call":"card"}]`, "slots[1]: stands here twice"},
		{lines(16), ""},
		{lines(17), "slots: has 17 entries, of at most 16"},
		{`[{"slot":"test.side.v1","call":"a"},{"slot":"test.side.v1","call":"b"},{"slot":"test.side.v1","call":"c"}]`, ""},
		{`[{"slot":"test.side.v1","call":"a"},{"slot":"test.side.v1","call":"b"},{"slot":"test.side.v1","call":"c"},{"slot":"test.side.v1","op":"hide","target":"default"}]`, "slots[3].slot: is one too many in this place: at most 3"},
		{`[{"slot":"side","call":"card"}]`, "slots[0].slot: must be"},
		{`[{"slot":"test.side.v1"}]`, "slots[0].call: must name an export"},
		{`[{"slot":"test.side.v1","call":"card","op":"show"}]`, "slots[0].op: must be"},
		{`[{"slot":"test.side.v1","call":"card","target":"default"}]`, "slots[0].target: insert acts on nothing"},
		{`[{"slot":"test.side.v1","op":"hide"}]`, "slots[0].target: must say"},
		{`[{"slot":"test.side.v1","op":"hide","target":"acme.x"}]`, "slots[0].target: is the extension itself"},
		{`[{"slot":"test.side.v1","op":"hide","target":"them"}]`, "slots[0].target: must be the ID"},
		{`[{"slot":"test.side.v1","op":"hide","target":"default","call":"card"}]`, "slots[0].call: hide calls nothing"},
		{`[{"slot":"test.side.v1","op":"modify","target":"default"}]`, "slots[0].patch: must be there"},
		{`[{"slot":"test.side.v1","op":"modify","target":"default","patch":[]}]`, "slots[0].patch: must be an object"},
		{`[{"slot":"test.side.v1","call":"card","patch":{}}]`, "slots[0].patch: belongs to modify"},
		{`[{"slot":"test.side.v1","call":"card","before":{}}]`, "slots[0].before: belongs to wrap"},
		{`[{"slot":"test.side.v1","op":"wrap","target":"default","after":"x"}]`, "slots[0].after: must be an object"},
		{`[{"slot":"test.side.v1","op":"wrap","target":"default"}]`, "slots[0]: must have before or after"},
		{`[{"slot":"test.side.v1","call":"card","order":10001}]`, "slots[0].order"},
		{`[{"slot":"test.side.v1","call":"card","title":"a\u0000"}]`, "slots[0].title"},
		{`[{"slot":"test.side.v1","call":"card","refresh_on":["*"]}]`, "slots[0].refresh_on[0]: must be the type"},
		{`[{"slot":"test.side.v1","call":"card","refresh_on":["acme.y.counted"]}]`, "slots[0].refresh_on[0]: must be an event of the platform"},
		{`[{"slot":"test.side.v1","call":"card","refresh_on":["acme.x.a","acme.x.a"]}]`, "slots[0].refresh_on[1]: stands here twice"},
		{`[{"slot":"test.side.v1","op":"hide","target":"default","refresh_on":["acme.x.a"]}]`, "slots[0].refresh_on: hide shows nothing"},
		{`[{"slot":"test.side.v1","call":"card","actions":["a b"]}]`, "slots[0].actions[0]: must name an export"},
		{`[{"slot":"test.side.v1","op":"hide","target":"default","actions":["a"]}]`, "slots[0].actions: hide shows no buttons"},
		{`[{"slot":"test.side.v1","call":"card","when":{"roles":["tenant_admin"]}}]`, `slots[0].when.roles[0]: there is no role "tenant_admin": did you mean "tenant-admin"?`},
		{`[{"slot":"test.side.v1","call":"card","when":{"courses":["A+B"]}}]`, "slots[0].when.courses[0]"},
		{`[{"slot":"test.side.v1","call":"card","when":{"courses":["course-v1:A*+*"]}}]`, "slots[0].when.courses[0]"},
		{`[{"slot":"test.side.v1","call":"card","when":{"percent":101}}]`, "slots[0].when.percent"},
		{`[{"slot":"test.side.v1","call":"card","when":{"people":1}}]`, "slots[0].when.people: unknown key"},
		{`[{"slot":"test.side.v1","call":"card","Order":1}]`, "slots[0].Order: unknown key"},
		{`[{"slot":"test.side.v1","call":"card","refresh_on":[` + strings.Repeat(`"acme.x.a",`, 20) + `"acme.x.b"]}]`, "of at most 20"},
	} {
		m, err := bundle.ReadManifest(slotted("acme.x", tt.slots))
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.slots, err)
		case tt.want == "" && (m.Slots[0].Order == 0 || m.Slots[0].Op == ""):
			t.Errorf("%s: no defaults: %+v", tt.slots, m.Slots[0])
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || trellis.KindOf(err) != trellis.Invalid):
			t.Errorf("%s: %v, want %q", tt.slots, err, tt.want)
		}
	}
}

// TestSlotManifestAgainst: what a slot names must be there, and its trees must be
// trees.
func TestSlotManifestAgainst(t *testing.T) {
	known := bundle.Known{
		Events: []trellis.Spec{{Name: "org.openedx.learning.course.enrollment.created.v1"}},
		Slots:  []bundle.Place{{Name: side, Sentence: "in the side column"}},
		Tree: func(raw []byte) error {
			if string(raw) == `{"kind":"no"}` {
				return trellis.Errorf(trellis.Invalid, "/kind: no such node")
			}
			return nil
		},
	}
	for _, tt := range []struct{ slots, want string }{
		{`[{"slot":"test.side.v1","call":"card","actions":["vote"],"refresh_on":["org.openedx.learning.course.enrollment.created.v1","org.openedx.*","acme.x.a"]}]`, ""},
		{`[{"slot":"test.sidd.v1","call":"card"}]`, `slots[0].slot: there is no place "test.sidd.v1" in a page: did you mean "test.side.v1"?`},
		{`[{"slot":"test.side.v1","call":"cart"}]`, `slots[0].call: the module has no export "cart"`},
		{`[{"slot":"test.side.v1","call":"card","actions":["vot"]}]`, `slots[0].actions[0]: the module has no export "vot"`},
		{`[{"slot":"test.side.v1","call":"card","refresh_on":["org.openedx.learning.course.enrollment.create.v1"]}]`, `slots[0].refresh_on[0]: there is no live event`},
		{`[{"slot":"test.side.v1","op":"wrap","target":"default","after":{"kind":"no"}}]`, `slots[0].after: /kind: no such node`},
	} {
		m, err := bundle.ReadManifest(slotted("acme.x", tt.slots))
		must(t, err)
		err = m.CheckAgainst([]string{"card", "vote"}, known)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.slots, err, tt.want)
		}
	}
	m, err := bundle.ReadManifest(slotted("acme.x", `[{"slot":"test.side.v1","call":"cart","actions":["any_name"]}]`))
	must(t, err)
	if err := m.CheckAgainst([]string{"*"}, known); err != nil {
		t.Errorf("a program that takes every hook: %v", err)
	}
}

func TestSlotSentences(t *testing.T) {
	known := bundle.Known{Slots: []bundle.Place{{Name: side, Sentence: "in the side column of the course page"}}}
	var got []string
	for _, lines := range []string{`[
		{"slot":"test.side.v1","call":"card","actions":["vote","unvote"],"when":{"roles":["learner"],"percent":10}},
		{"slot":"test.side.v1","op":"hide","target":"default"},
		{"slot":"test.side.v1","op":"modify","target":"acme.y","patch":{}}]`, `[
		{"slot":"test.side.v1","op":"replace","target":"default","call":"card"},
		{"slot":"test.side.v1","op":"wrap","target":"default","before":{},"when":{"courses":["course-v1:A+*"]}}]`} {
		m, err := bundle.ReadManifest(slotted("acme.x", lines))
		must(t, err)
		for _, s := range m.Sentences(known) {
			got = append(got, s.Text)
		}
	}
	want := []string{
		"Shows something in the side column of the course page, to learners, to 10 of 100 people",
		"Hides what the page itself shows in the side column of the course page",
		"Changes what acme.y shows in the side column of the course page",
		"Can be asked by people in the page: unvote, vote",
		"Shows something of its own in place of what the page itself shows in the side column of the course page",
		"Adds something before or after what the page itself shows in the side column of the course page, in course-v1:A+*",
	}
	if !slices.Equal(got, want) {
		t.Errorf("sentences\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// FuzzSlots: whatever the slots of a manifest say, they are taken or refused.
func FuzzSlots(f *testing.F) {
	for _, s := range []string{
		`[{"slot":"test.side.v1","op":"wrap","target":"default","before":{},"after":{"kind":"text"}}]`,
		`[{"slot":"test.side.v1","op":"modify","target":"acme.y","patch":{"title":null}}]`,
		`[{"slot":"test.side.v1","call":"card","refresh_on":["acme.x.a"],"actions":["vote"],"when":{"roles":["staff"],"courses":["course-v1:A+*"],"percent":3}}]`,
		`[{"slot":"a.b","call":"card","when":{"courses":["*","course-v1:*","c*"],"percent":-1}}]`,
	} {
		f.Add(s)
	}
	known := bundle.Known{Slots: []bundle.Place{{Name: side}}, Tree: func([]byte) error { return nil }}
	f.Fuzz(func(t *testing.T, slots string) {
		m, err := bundle.ReadManifest(slotted("acme.x", slots))
		if err != nil {
			if trellis.KindOf(err) != trellis.Invalid {
				t.Errorf("kind %q: %v", trellis.KindOf(err), err)
			}
			return
		}
		if err := m.CheckAgainst([]string{"card", "vote"}, known); err != nil && trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("kind %q: %v", trellis.KindOf(err), err)
		}
		_ = m.Sentences(known)
		for _, h := range m.Slots {
			if (h.Call != "") != (h.Op == bundle.SlotInsert || h.Op == bundle.SlotReplace) {
				t.Errorf("taken: %+v", h)
			}
		}
	})
}
