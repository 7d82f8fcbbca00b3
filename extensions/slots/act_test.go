package slots_test

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// poll is a card with a form and a button.
const poll = `{"kind":"card","title":"Poll","children":[
	{"kind":"form","action":"vote","submit":"Vote","values":{"poll":"7"},"fields":[{"type":"integer","name":"n","label":"How many","min":1,"max":9,"required":true},{"type":"text","name":"why","label":"Why"}]},
	{"kind":"button","text":"Forget it","action":"forget"}]}`

// polls adds an extension whose vote does something.
func (r *rig) polls(t testing.TB, vote func(*testkit.Code), more map[string]any) {
	t.Helper()
	r.addWith(t, "acme.poll", "", guest{"card": func(c *testkit.Code) { c.Answer(poll) }, "vote": vote, "forget": says("x"), "secret": says("x")}, more,
		line{"call": "card", "actions": []string{"vote", "forget"}})
}

func replies(s string) func(*testkit.Code) { return func(c *testkit.Code) { c.Answer(s) } }

// act sends a form to the side column.
func (r *rig) act(ctx context.Context, v url.Values) (slots.Outcome, error) {
	return r.Slots.Act(ctx, page(here), v, slots.Want{Slot: side}, slots.Want{Slot: above})
}

// TestAct: what an extension may answer, and what comes of it. What a person entered
// is kept where it was not taken.
func TestAct(t *testing.T) {
	r := newRig(t, app.Config{})
	for _, tt := range []struct {
		name                    string
		vote                    func(*testkit.Code)
		state, message          string
		redirect, seen, entered string
	}{
		{"nothing", replies(``), "", "", "", "Poll", ""},
		{"a message", replies(`{"message":"Thank <you>."}`), "ok", "Thank <you>.", "", "Thank <you>. Poll", ""},
		{"a message that is no praise", replies(`{"message":"Hm.","state":"warn"}`), "warn", "Hm.", "", "Hm. Poll", ""},
		{"a tree", replies(`{"tree":{"kind":"text","text":"7 votes"}}`), "", "", "", "7 votes", ""},
		{"both", replies(`{"message":"Counted.","tree":{"kind":"text","text":"7 votes"}}`), "ok", "Counted.", "", "Counted. 7 votes", ""},
		{"a redirect", replies(`{"redirect":"/courses/x?y=1"}`), "", "", "/t/acme/courses/x?y=1", "", ""},
		{"no, in its words", func(c *testkit.Code) { c.Fail(`{"kind":"conflict","message":"You voted."}`) }, "bad", "You voted.", "", "You voted. Poll", "5"},
		{"an error that is not for people", func(c *testkit.Code) { c.Fail(`{"kind":"internal","message":"secret of the shelf"}`) }, "bad", "The acme.poll could not do that. What you entered is kept; try again in a while.", "", "The acme.poll could not do that.", "5"},
		{"a trap", func(c *testkit.Code) { c.Trap() }, "bad", "The acme.poll could not do that. What you entered is kept; try again in a while.", "", "The acme.poll could not do that.", "5"},
		{"spinning", func(c *testkit.Code) { c.Spin() }, "bad", "The acme.poll could not do that. What you entered is kept; try again in a while.", "", "The acme.poll could not do that.", "5"},
		{"nonsense", replies(`{"html":"x"}`), "bad", "The acme.poll could not do that. What you entered is kept; try again in a while.", "", "The acme.poll could not do that.", "5"},
		{"a redirect that leads away", replies(`{"redirect":"//evil.example"}`), "bad", "The acme.poll could not do that. What you entered is kept; try again in a while.", "", "The acme.poll could not do that.", "5"},
		{"a tree that asks for more", replies(`{"tree":{"kind":"button","text":"x","action":"secret"}}`), "bad", "The acme.poll could not do that. What you entered is kept; try again in a while.", "", "The acme.poll could not do that.", "5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r.polls(t, tt.vote, nil)
			defer func() { must(t, r.Registry.Uninstall(r.ctx, "acme.poll", extensions.Scope{})) }()
			got, err := r.act(r.learner, form(t, r.fill(r.learner, here), 0, "n", "5", "why", "so"))
			must(t, err)
			if got.Slot != side || got.State != tt.state || got.Message != tt.message || got.Redirect != tt.redirect || got.Faults != (tt.entered != "") {
				t.Errorf("outcome %+v", got)
			}
			if text := seen(string(got.HTML)); !strings.HasPrefix(text, strings.TrimSuffix("acme.poll: "+tt.seen, "acme.poll: ")) {
				t.Errorf("seen %q, want %q", text, tt.seen)
			}
			if strings.Contains(string(got.HTML), `value="5"`) != (tt.entered != "") {
				t.Errorf("what was entered is kept: %v, in %s", tt.entered == "", got.HTML)
			}
		})
	}
}

// TestActFaults: what cannot be taken comes back with what is wrong, and the
// extension is not asked.
func TestActFaults(t *testing.T) {
	r := newRig(t, app.Config{})
	r.polls(t, func(c *testkit.Code) { c.Trap() }, nil)
	got, err := r.act(r.learner, form(t, r.fill(r.learner, here), 0, "n", "99", "why", "because"))
	must(t, err)
	if !got.Faults || got.State != "bad" || !strings.Contains(string(got.HTML), `value="because"`) || !strings.Contains(string(got.HTML), `aria-invalid="true"`) {
		t.Errorf("outcome %+v", got)
	}
	_, err = r.act(r.learner, form(t, r.fill(r.learner, here), 0, "n", "5", "else", "x"))
	if trellis.KindOf(err) != trellis.Invalid {
		t.Errorf("a field that the form has not: %v", err)
	}
}

// TestActOffered: nobody gets done what was not offered to that very person, on that
// page, with those values, at that time.
func TestActOffered(t *testing.T) {
	r := newRig(t, app.Config{})
	counted := func(c *testkit.Code) {
		c.Call("kv.set", `{"key":"votes","value":"1"}`)
		c.Answer(`{"message":"Counted."}`)
	}
	r.polls(t, counted, map[string]any{"permissions": []string{"kv"}})
	other, _ := r.person(t, "acme", "otto")
	r.Course(t, r.Tenant(t, "beta"), here)
	foreign, _ := r.person(t, "beta", "lena")
	container := r.fill(r.learner, here)
	good := form(t, container, 0, "n", "5", "why", "")
	sealed := good.Get("_hook")
	text, mac, _ := strings.Cut(sealed, ".")
	with := func(hook ...string) url.Values {
		v := url.Values{"_hook": hook}
		for k, list := range good {
			if k != "_hook" {
				v[k] = list
			}
		}
		return v
	}
	stranger := r.patient(t, slots.Config{})
	for _, tt := range []struct {
		name string
		do   func() (slots.Outcome, error)
	}{
		{"by another person", func() (slots.Outcome, error) { return r.act(other, good) }},
		{"by a person of another tenant", func() (slots.Outcome, error) { return r.act(foreign, good) }},
		{"by nobody", func() (slots.Outcome, error) {
			return r.act(trellis.WithActor(t.Context(), trellis.Actor{Tenant: "acme"}), good)
		}},
		{"by somebody of the same name who is no person", func() (slots.Outcome, error) {
			a := trellis.ActorFrom(r.learner)
			a.Kind = trellis.ServiceActor
			return r.act(trellis.WithActor(t.Context(), a), good)
		}},
		{"on the page of another course", func() (slots.Outcome, error) {
			return r.Slots.Act(r.learner, page(there), good, slots.Want{Slot: side})
		}},
		{"on a page of no course", func() (slots.Outcome, error) { return r.Slots.Act(r.learner, page(""), good, slots.Want{Slot: side}) }},
		{"on a page without that place", func() (slots.Outcome, error) {
			return r.Slots.Act(r.learner, page(here), good, slots.Want{Slot: above})
		}},
		{"without a description", func() (slots.Outcome, error) { return r.act(r.learner, with()) }},
		{"with an empty one", func() (slots.Outcome, error) { return r.act(r.learner, with("")) }},
		{"with two", func() (slots.Outcome, error) { return r.act(r.learner, with(sealed, sealed)) }},
		{"with a changed one", func() (slots.Outcome, error) { return r.act(r.learner, with("e"+sealed)) }},
		{"with another signature", func() (slots.Outcome, error) {
			return r.act(r.learner, with(text+"."+strings.Repeat("A", len(mac))))
		}},
		{"without a signature", func() (slots.Outcome, error) { return r.act(r.learner, with(text)) }},
		{"signed by another key", func() (slots.Outcome, error) {
			return stranger.Act(r.learner, page(here), with(text+"."+mac[:len(mac)-2]+"AA"), slots.Want{Slot: side})
		}},
		{"with the signature of another form", func() (slots.Outcome, error) {
			_, mac, _ := strings.Cut(hooks(container)[1], ".")
			return r.act(r.learner, with(text+"."+mac))
		}},
	} {
		if out, err := tt.do(); trellis.KindOf(err) != trellis.Denied {
			t.Errorf("%s: %+v, %v", tt.name, out, err)
		}
	}
	if n := notes(t, r); n != 0 {
		t.Fatalf("%d votes were counted", n)
	}
	if out, err := r.act(r.learner, good); err != nil || out.Message != "Counted." || notes(t, r) != 1 {
		t.Errorf("by the one who was offered it: %+v, %v", out, err)
	}
}

// TestActTooLate: a form that was shown before things changed is not sent, and
// nothing that was entered is lost.
func TestActTooLate(t *testing.T) {
	r := newRig(t, app.Config{})
	counted := func(c *testkit.Code) {
		c.Call("kv.set", `{"key":"votes","value":"1"}`)
		c.Answer(`{"message":"Counted."}`)
	}
	old := r.patient(t, slots.Config{Offer: -time.Hour})
	for _, tt := range []struct {
		name    string
		by      *slots.Slots
		between func()
		says    string
		kept    bool
	}{
		{"expired", old, func() {}, "open for so long", true},
		{"upgraded", r.Slots, func() {
			m := map[string]any{"id": "acme.poll", "version": "1.0.1", "abi": 1, "title": "Poll", "permissions": []string{"kv"}, "slots": []line{{"slot": side, "call": "card", "actions": []string{"vote", "forget"}}}}
			_, err := r.Registry.Install(r.ctx, testkit.Bundle(t, m, testkit.Guest(guest{"card": replies(poll), "vote": counted, "forget": says("x")})), extensions.Scope{})
			must(t, err)
		}, "has changed meanwhile", true},
		{"switched off", r.Slots, func() {
			_, err := r.Registry.Disable(r.ctx, "acme.poll", "")
			must(t, err)
		}, "no longer offered", false},
		{"hidden by another", r.Slots, func() { r.add(t, "acme.hider", "", nil, line{"op": "hide", "target": "acme.poll"}) }, "no longer offered", false},
		{"suspended", r.Slots, func() { suspend(t, r, "acme.poll") }, "no longer offered", false},
		{"for others now", r.Slots, func() {
			m := map[string]any{"id": "acme.poll", "version": "1.0.1", "abi": 1, "title": "Poll", "permissions": []string{"kv"},
				"slots": []line{{"slot": side, "call": "card", "actions": []string{"vote", "forget"}, "when": line{"roles": []string{"staff"}}}}}
			_, err := r.Registry.Install(r.ctx, testkit.Bundle(t, m, testkit.Guest(guest{"card": replies(poll), "vote": counted, "forget": says("x")})), extensions.Scope{})
			must(t, err)
		}, "no longer offered", false},
		{"asked for no longer", r.Slots, func() {
			m := map[string]any{"id": "acme.poll", "version": "1.0.1", "abi": 1, "title": "Poll", "permissions": []string{"kv"}, "slots": []line{{"slot": side, "call": "card", "actions": []string{"forget"}}}}
			_, err := r.Registry.Install(r.ctx, testkit.Bundle(t, m, testkit.Guest(guest{"card": says("x"), "vote": counted, "forget": says("x")})), extensions.Scope{})
			must(t, err)
		}, "no longer offered", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r.polls(t, counted, map[string]any{"permissions": []string{"kv"}})
			defer func() {
				must(t, r.Registry.Uninstall(r.ctx, "acme.poll", extensions.Scope{}))
				_ = r.Registry.Uninstall(r.ctx, "acme.hider", extensions.Scope{})
			}()
			sent := form(t, string(tt.by.Fill(r.learner, page(here), slots.Want{Slot: side})[side]), 0, "n", "5")
			tt.between()
			out, err := r.act(r.learner, sent)
			must(t, err)
			if notes(t, r) != 0 || out.State != "warn" || !strings.Contains(out.Message, tt.says) || out.Faults != tt.kept || strings.Contains(string(out.HTML), `value="5"`) != tt.kept {
				t.Errorf("outcome %+v", out)
			}
			if !strings.Contains(string(out.HTML), `class="notice" data-state="warn">`) {
				t.Errorf("the page does not say so: %s", out.HTML)
			}
		})
	}
}

// TestActTold: what an export is told, who acts, and that what is sent twice has one
// effect.
func TestActTold(t *testing.T) {
	r := newRig(t, app.Config{})
	r.polls(t, func(c *testkit.Code) {
		c.LogInput()
		c.Call("events.emit", `{"type":"acme.poll.voted","data":{}}`)
		c.Answer(`{"message":"Counted."}`)
	}, map[string]any{"permissions": []string{"events:emit", "pii:name"}, "settings": map[string]any{"type": "object", "properties": map[string]any{"q": map[string]any{"type": "string", "default": "How?"}}}})
	container := r.fill(r.learner, here)
	for _, n := range []string{"5", "5", "6"} { // the second is the first once more
		_, err := r.act(r.learner, form(t, container, 0, "n", n, "why", "so"))
		must(t, err)
	}
	var told []slots.Acted
	testkit.Eventually(t, "the log", func() bool {
		told = nil
		lines, err := r.Registry.Logs(r.ctx, extensions.LogQuery{ID: "acme.poll"})
		must(t, err)
		for _, l := range lines.Items {
			var in slots.Acted
			if json.Unmarshal([]byte(l.Message), &in) == nil {
				told = append(told, in)
			}
		}
		return len(told) == 3
	})
	ids := map[string]int{}
	for _, in := range told {
		ids[in.ID]++
		me := trellis.ActorFrom(r.learner).ID
		if in.Slot != side || in.Tenant != "acme" || in.Course != here || in.Person == nil || in.Person.ID != me || !slices.Equal(in.Person.Roles, []string{"learner"}) ||
			in.Person.Name != "Lena" || in.Person.Email != "" || string(in.Settings) != `{"q":"How?"}` || in.Action != "vote" || in.Trace != trellis.TraceFrom(r.learner).ID || !trellis.ValidID(in.ID) {
			t.Errorf("told %+v", in)
		}
		if s := string(in.Values); s != `{"poll":"7","n":5,"why":"so"}` && s != `{"poll":"7","n":6,"why":"so"}` {
			t.Errorf("values %s", s)
		}
	}
	if len(ids) != 2 {
		t.Errorf("ids %v", ids)
	}
	events := r.Events(t, r.ctx, "acme.poll.voted")
	if len(events) != 2 || events[0].Actor != trellis.ActorFrom(r.learner).String() {
		t.Errorf("%d events, by %v", len(events), events)
	}
}

// TestActOfWrap: what an extension shows around another's can be asked, too, and is
// its own.
func TestActOfWrap(t *testing.T) {
	r := newRig(t, app.Config{})
	r.add(t, "acme.card", "", guest{"card": says("Card")}, line{"call": "card"})
	r.add(t, "acme.frame", "", guest{"like": replies(`{"message":"Liked."}`)}, line{"op": "wrap", "target": "acme.card", "actions": []string{"like"},
		"after": line{"kind": "button", "text": "Like", "action": "like"}})
	container := r.fill(r.learner, here)
	if got, want := seen(container), "acme.card: Card Like"; got != want || !strings.Contains(container, `<bdi>The acme.card</bdi>, <bdi>The acme.frame</bdi>`) {
		t.Errorf("seen %q, want %q, in %s", got, want, container)
	}
	out, err := r.act(r.learner, form(t, container, 0))
	must(t, err)
	if out.Message != "Liked." || !strings.Contains(string(out.HTML), `id="slots-course-sidebar-v1"><div id="slots-course-sidebar-v1.notice" class="notice" data-state="ok"><p>Liked.</p></div><section`) {
		t.Errorf("outcome %+v", out)
	}
}

// TestActRights: an action has the rights of the person, narrowed by the grants; what
// is only shown may change nothing.
func TestActRights(t *testing.T) {
	r := newRig(t, app.Config{})
	enrol := func(person string) func(*testkit.Code) {
		return func(c *testkit.Code) {
			c.Call("enrollments.create", `{"course":"`+here+`","person":"`+person+`"}`)
			c.Answer(`{"message":"Done."}`)
		}
	}
	for i, tt := range []struct {
		name    string
		who     context.Context
		granted bool
		looks   bool // the page is looked at, and nothing sent
		want    bool
	}{
		{"a learner", r.learner, true, false, false},
		{"staff", r.staff, true, false, true},
		{"staff, without the grant", r.staff, false, false, false},
		{"staff who only look", r.staff, true, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			otto, _ := r.Person(t, r.ctx, "otto"+strconv.Itoa(i))
			id := "acme.poll" + strconv.Itoa(i)
			permissions := []string{"kv"}
			if tt.granted {
				permissions = append(permissions, "enrollments:write")
			}
			card := replies(`{"kind":"button","text":"Vote","action":"vote"}`)
			if tt.looks {
				card = enrol(otto)
			}
			r.addWith(t, id, "", guest{"card": card, "vote": enrol(otto)}, map[string]any{"permissions": permissions}, line{"call": "card", "actions": []string{"vote"}})
			defer func() { must(t, r.Registry.Uninstall(r.ctx, id, extensions.Scope{})) }()
			if container := r.fill(tt.who, here); !tt.looks {
				out, err := r.act(tt.who, form(t, container, 0))
				must(t, err)
				if out.Message != "Done." {
					t.Errorf("outcome %+v", out)
				}
			}
			if _, err := r.Learning.Enrollment(r.ctx, here, otto); (err == nil) != tt.want {
				t.Errorf("enrolled: %v, want %v", err, tt.want)
			}
		})
	}
}

// notes returns how many notes extensions keep.
func notes(t testing.TB, r *rig) (n int) {
	t.Helper()
	must(t, count(r, `SELECT COUNT(*) FROM extension_kv`, &n))
	return n
}
