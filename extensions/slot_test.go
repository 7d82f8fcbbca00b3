package extensions_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/testkit"
)

const side = "test.side.v1"

// slotRig is a registry with one place in a page.
func slotRig(t *testing.T) *rig {
	return newRig(t, func(c *extensions.Config) {
		c.Known.Slots = []bundle.Place{{Name: side, Sentence: "in the side column"}}
	})
}

// slots is a bundle with slots and a guest that answers {} to card and vote.
func slots(t *testing.T, id, version string, lines ...map[string]any) []byte {
	t.Helper()
	for _, l := range lines {
		l["slot"] = side
	}
	answer := func(c *testkit.Code) { c.Answer("{}") }
	return pack(t, id, version, map[string]any{"filters": nil, "slots": lines}, map[string]func(*testkit.Code){"card": answer, "vote": answer})
}

func (r *rig) slots(t *testing.T, id, course string, locked bool, lines ...map[string]any) {
	t.Helper()
	ctx := admin(t, "acme")
	r.install(t, ctx, slots(t, id, "1.0.0", lines...), "")
	_, err := r.Enable(ctx, extensions.Enable{ID: id, Course: course, Locked: locked, Grants: []string{}})
	must(t, err)
}

// TestSlots: the hooks of a place come in the order of the manifests and then of
// the extensions, where they are enabled.
func TestSlots(t *testing.T) {
	r := slotRig(t)
	ctx := admin(t, "acme")
	r.slots(t, "acme.c", "", false, map[string]any{"call": "card", "order": 10})
	r.slots(t, "acme.a", "", false, map[string]any{"call": "card"}, map[string]any{"call": "card", "op": "replace", "target": "default", "order": 1})
	r.slots(t, "acme.b", here, false, map[string]any{"call": "card", "refresh_on": []string{"acme.b.*"}, "actions": []string{"vote"}})
	order := func(course string) (ids []string) {
		for _, h := range r.Registry.Slots(ctx, side, course) {
			ids = append(ids, h.Extension())
		}
		return ids
	}
	if got, want := order(here), []string{"acme.a", "acme.c", "acme.a", "acme.b"}; !slices.Equal(got, want) {
		t.Errorf("in the course: %v, want %v", got, want)
	}
	if got, want := order(there), []string{"acme.a", "acme.c", "acme.a"}; !slices.Equal(got, want) {
		t.Errorf("elsewhere: %v, want %v", got, want)
	}
	if got := r.Registry.Slots(admin(t, "other"), side, here); len(got) != 0 {
		t.Errorf("another tenant has %d hooks", len(got))
	}
	if got := r.Refreshed("acme", "acme.b.counted", here); len(got) != 1 || got[0].Extension() != "acme.b" {
		t.Errorf("made stale here: %v", got)
	}
	if got := append(r.Refreshed("acme", "acme.b.counted", there), r.Refreshed("acme", "org.example.other.v1", here)...); len(got) != 0 {
		t.Errorf("made stale: %d", len(got))
	}
	card := r.Registry.Slots(ctx, side, here)[3]
	if _, ok := card.Action("card"); ok {
		t.Error("an export that is no action can be asked")
	}
	vote, ok := card.Action("vote")
	if !ok || vote.Export() != "vote" || vote.Caller("").Filter || !card.Caller("").Filter {
		t.Errorf("the action %v, %+v, and what shows it %+v", ok, vote.Caller(""), card.Caller(""))
	}
}

// TestSlotChanges: whoever waits is told of a change, and the mark of a place says
// whether it is one of his.
func TestSlotChanges(t *testing.T) {
	r := slotRig(t)
	ctx := admin(t, "acme")
	r.install(t, ctx, slots(t, "acme.x", "1.0.0", map[string]any{"call": "card"}), "")
	marks := func() string {
		return fmt.Sprint(r.SlotMark("acme", side, here), r.SlotMark("acme", side, there), r.SlotMark("other", side, here))
	}
	for _, tt := range []struct {
		name   string
		change func()
		moves  bool
	}{
		{"enabled", func() { r.enable(t, ctx, "acme.x", here, "") }, true},
		{"enabled elsewhere", func() { r.enable(t, ctx, "acme.x", there, "") }, true},
		{"something else", func() { r.install(t, ctx, pack(t, "acme.y", "1.0.0", nil), "") }, false},
		{"upgraded", func() { r.install(t, ctx, slots(t, "acme.x", "1.0.1", map[string]any{"call": "card"}), "") }, true},
		{"suspended", func() {
			r.sql(t, ctx, `UPDATE installations SET state = 'suspended'`)
			r.install(t, ctx, pack(t, "acme.z", "1.0.0", nil), "")
		}, true},
		{"switched off", func() {
			_, err := r.Disable(ctx, "acme.x", here)
			must(t, err)
		}, true},
	} {
		before, told := marks(), r.Changed()
		tt.change()
		select {
		case <-told:
		default:
			t.Errorf("%s: nobody is told", tt.name)
		}
		if after := marks(); (after != before) != tt.moves {
			t.Errorf("%s: marks %s, before %s", tt.name, after, before)
		}
	}
	select {
	case <-r.Changed():
		t.Error("told of a change that there was not")
	default:
	}
}

// TestShownTo: conditions on roles and courses, and the share of people, who stay
// the same ones when it grows.
func TestShownTo(t *testing.T) {
	r := slotRig(t)
	ctx := admin(t, "acme")
	for i, when := range []map[string]any{nil, {"roles": []string{"staff"}}, {"courses": []string{"course-v1:A+H*"}}, {"percent": 20}, {"percent": 60}, {"percent": 100}} {
		line := map[string]any{"call": "card", "order": i + 1}
		if when != nil {
			line["when"] = when
		}
		r.slots(t, "acme.s"+string(rune('a'+i)), "", false, line)
	}
	hooks := r.Registry.Slots(ctx, side, here)
	shown := func(a trellis.Actor, course string) (out []int) {
		for i, h := range hooks {
			if i < 3 && h.ShownTo(a, course) {
				out = append(out, i)
			}
		}
		return out
	}
	person := func(roles ...trellis.Role) trellis.Actor { return trellis.Actor{ID: "p", Roles: roles} }
	for _, tt := range []struct {
		name   string
		who    trellis.Actor
		course string
		want   []int
	}{
		{"a learner", person(trellis.Role{Name: "learner"}), here, []int{0, 2}},
		{"staff", person(trellis.Role{Name: "learner"}, trellis.Role{Name: "staff", Course: here}), here, []int{0, 1, 2}},
		{"staff of the organisation", person(trellis.Role{Name: "staff", Organisation: "A"}), here, []int{0, 1, 2}},
		{"staff of another course", person(trellis.Role{Name: "staff", Course: there}), here, []int{0, 2}},
		{"staff on a page of no course", person(trellis.Role{Name: "staff", Course: there}), "", []int{0, 1}},
		{"another course", person(trellis.Role{Name: "learner"}), there, []int{0}},
		{"nobody", trellis.Actor{Tenant: "acme"}, here, []int{0, 2}},
	} {
		if got := shown(tt.who, tt.course); !slices.Equal(got, tt.want) {
			t.Errorf("%s sees %v, want %v", tt.name, got, tt.want)
		}
	}
	if hooks[3].ShownTo(trellis.Actor{}, here) || !hooks[5].ShownTo(trellis.Actor{}, here) {
		t.Error("who is not known belongs to no share, and to all of a hundred")
	}
}

func TestShareOfPeopleGrows(t *testing.T) {
	r := slotRig(t)
	ctx := admin(t, "acme")
	in := func(percent int) map[string]bool {
		version := fmt.Sprintf("1.%d.0", percent)
		r.install(t, ctx, slots(t, "acme.x", version, map[string]any{"call": "card", "when": map[string]any{"percent": percent}}), "")
		r.enable(t, ctx, "acme.x", "", "")
		out := map[string]bool{}
		for i := range 2000 {
			id := fmt.Sprintf("person-%d", i)
			if r.Registry.Slots(ctx, side, here)[0].ShownTo(trellis.Actor{ID: id}, here) {
				out[id] = true
			}
		}
		return out
	}
	before := map[string]bool{}
	for _, percent := range []int{1, 10, 50, 99} {
		now := in(percent)
		for id := range before {
			if !now[id] {
				t.Fatalf("%s is out at %d of 100", id, percent)
			}
		}
		if n := len(now); n < percent*20-percent-80 || n > percent*20+percent+80 {
			t.Errorf("%d of 2,000 people at %d of 100", n, percent)
		}
		before = now
	}
}

// TestSlotConflicts: what gets in each other's way is said, and what a tenant has
// locked no course changes.
func TestSlotConflicts(t *testing.T) {
	r := slotRig(t)
	ctx := admin(t, "acme")
	r.slots(t, "acme.card", "", true, map[string]any{"call": "card"})
	r.slots(t, "acme.hider", "", false, map[string]any{"op": "hide", "target": "default", "order": 20})
	if got := r.SlotConflicts(ctx, side, here); len(got) != 0 {
		t.Errorf("conflicts: %+v", got)
	}
	r.slots(t, "acme.other", here, false, map[string]any{"op": "replace", "target": "default", "call": "card"}, map[string]any{"op": "hide", "target": "acme.card"},
		map[string]any{"op": "wrap", "target": "default", "after": map[string]any{}})
	got, err := json.Marshal(r.SlotConflicts(ctx, side, here))
	must(t, err)
	for _, want := range []string{
		`"target":"default","extensions":["acme.hider","acme.other"],"text":"acme.hider hides (order 20), acme.other replaces (order 100) what the page itself shows in the side column.`,
		`"target":"acme.card","extensions":["acme.other"],"text":"acme.other hides what acme.card shows in the side column, but the tenant has locked that: it has no effect."`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("conflicts %s do not say %s", got, want)
		}
	}
	r.install(t, ctx, slots(t, "acme.school", "1.0.0", map[string]any{"call": "card"}), "")
	_, err = r.Enable(ctx, extensions.Enable{ID: "acme.school", Grants: []string{}})
	must(t, err)
	r.install(t, ctx, slots(t, "acme.own", "1.0.0", map[string]any{"op": "wrap", "target": "acme.school", "after": map[string]any{}}), here)
	_, err = r.Enable(ctx, extensions.Enable{ID: "acme.own", Course: here, Grants: []string{}})
	must(t, err)
	got, err = json.Marshal(r.SlotConflicts(ctx, side, here))
	must(t, err)
	if want := `"extensions":["acme.own"],"text":"acme.own adds to what acme.school shows in the side column, but acme.school belongs to the school: it has no effect."`; !strings.Contains(string(got), want) {
		t.Errorf("conflicts %s do not say %s", got, want)
	}
	if got := r.SlotConflicts(ctx, side, there); len(got) != 0 {
		t.Errorf("conflicts elsewhere: %+v", got)
	}
}

// TestSlotsAskForMore: a version that takes another place, or can be asked for
// more in one, waits for consent.
func TestSlotsAskForMore(t *testing.T) {
	card := func(more map[string]any) map[string]any {
		line := map[string]any{"call": "card", "actions": []string{"vote"}}
		for k, v := range more {
			line[k] = v
		}
		return line
	}
	for i, tt := range []struct {
		next []map[string]any
		want string // in the reason; "" if it runs at once
	}{
		{[]map[string]any{card(map[string]any{"order": 7, "refresh_on": []string{"acme.x.a"}})}, ""},
		{[]map[string]any{card(nil), {"op": "hide", "target": "default"}}, "at test.side.v1 (hide)"},
		{[]map[string]any{card(map[string]any{"actions": []string{"vote", "card"}})}, "ask it in the page for card"},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			r := slotRig(t)
			ctx := admin(t, "acme")
			r.install(t, ctx, slots(t, "acme.x", "1.0.0", card(nil)), "")
			r.enable(t, ctx, "acme.x", "", "")
			x := r.install(t, ctx, slots(t, "acme.x", "1.1.0", tt.next...), "")
			if (x.Pending == "") != (tt.want == "") || !strings.Contains(x.PendingFor, tt.want) {
				t.Errorf("pending %q for %q, want %q", x.Pending, x.PendingFor, tt.want)
			}
		})
	}
}
