package slots_test

import (
	"bytes"
	"context"
	"encoding/json"
	"html/template"
	"net/http/httptest"
	"reflect"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/metrics"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/runtime"
)

// TestOperations: what stands in a place, and in which order, when extensions
// insert, hide, change, replace and wrap.
func TestOperations(t *testing.T) {
	r := newRig(t, app.Config{})
	about := func() *tree.Node {
		return &tree.Node{Kind: tree.Card, Title: "About", Children: []tree.Node{{Kind: tree.Text, Text: "The page's own."}}}
	}
	card := guest{"card": says("card")}
	for i, tt := range []struct {
		name string
		add  func(id func(string) string)
		want string
	}{
		{"nobody", func(func(string) string) {}, ": About The page's own."},
		{"in the order that the manifests say, then of the extensions", func(id func(string) string) {
			r.add(t, id("b"), "", guest{"card": says("b")}, line{"call": "card"})
			r.add(t, id("a"), "", guest{"card": says("a"), "first": says("first")}, line{"call": "card"}, line{"call": "first", "order": 49})
			r.add(t, id("c"), "", guest{"card": says("c")}, line{"call": "card", "order": 51})
		}, "A: first; : About The page's own.; C: c; A: a; B: b"},
		{"hidden", func(id func(string) string) { r.add(t, id("a"), "", nil, line{"op": "hide", "target": "default"}) }, ""},
		{"hidden by one whose order is lower than its target's", func(id func(string) string) {
			r.add(t, id("a"), "", nil, line{"op": "hide", "target": id("b"), "order": 1})
			r.add(t, id("b"), "", card, line{"call": "card"})
		}, ": About The page's own."},
		{"hidden twice", func(id func(string) string) {
			r.add(t, id("a"), "", nil, line{"op": "hide", "target": "default"})
			r.add(t, id("b"), "", nil, line{"op": "hide", "target": "default"})
		}, ""},
		{"replaced", func(id func(string) string) {
			r.add(t, id("a"), "", card, line{"call": "card", "op": "replace", "target": "default"})
		}, "A: card"},
		{"replaced in its place", func(id func(string) string) {
			r.add(t, id("a"), "", card, line{"call": "card"})
			r.add(t, id("b"), "", guest{"card": says("instead")}, line{"call": "card", "op": "replace", "target": id("a"), "order": 7})
			r.add(t, id("c"), "", guest{"card": says("c")}, line{"call": "card"})
		}, ": About The page's own.; B: instead; C: c"},
		{"replaced twice", func(id func(string) string) {
			r.add(t, id("a"), "", card, line{"call": "card", "op": "replace", "target": "default"})
			r.add(t, id("b"), "", guest{"card": says("last")}, line{"call": "card", "op": "replace", "target": "default"})
		}, "B: last"},
		{"replaced, then hidden", func(id func(string) string) {
			r.add(t, id("a"), "", card, line{"call": "card", "op": "replace", "target": "default"})
			r.add(t, id("b"), "", nil, line{"op": "hide", "target": "default"})
		}, ""},
		{"replaced by what shows nothing", func(id func(string) string) {
			r.add(t, id("a"), "", guest{"card": func(c *testkit.Code) { c.Answer("null") }}, line{"call": "card", "op": "replace", "target": "default"})
		}, ""},
		{"replaced by what fails", func(id func(string) string) {
			r.add(t, id("a"), "", guest{"card": func(c *testkit.Code) { c.Trap() }}, line{"call": "card", "op": "replace", "target": "default"})
		}, ": About The page's own."},
		{"changed", func(id func(string) string) {
			r.add(t, id("a"), "", nil, line{"op": "modify", "target": "default", "patch": line{"title": "Changed"}})
		}, ": Changed The page's own."},
		{"changed twice", func(id func(string) string) {
			r.add(t, id("a"), "", nil, line{"op": "modify", "target": "default", "patch": line{"title": "Changed"}})
			r.add(t, id("b"), "", nil, line{"op": "modify", "target": "default", "patch": line{"title": "Again"}})
		}, ": Again The page's own."},
		{"changed what another shows", func(id func(string) string) {
			r.add(t, id("a"), "", card, line{"call": "card"})
			r.add(t, id("b"), "", nil, line{"op": "modify", "target": id("a"), "patch": line{"text": "changed"}})
		}, ": About The page's own.; A: changed"},
		{"a change that does not fit", func(id func(string) string) {
			r.add(t, id("a"), "", nil, line{"op": "modify", "target": "default", "patch": line{"kind": "text"}})
		}, ": About The page's own."},
		{"a change of what a button asks for", func(id func(string) string) {
			r.add(t, id("a"), "", guest{"card": func(c *testkit.Code) { c.Answer(`{"kind":"button","text":"Vote","action":"vote"}`) }, "vote": says("x"), "other": says("x")},
				line{"call": "card", "actions": []string{"vote", "other"}})
			r.add(t, id("b"), "", nil, line{"op": "modify", "target": id("a"), "patch": line{"action": "other", "text": "Click"}})
		}, ": About The page's own.; A: Vote"},
		{"a change of what stands on a button", func(id func(string) string) {
			r.add(t, id("a"), "", guest{"card": func(c *testkit.Code) { c.Answer(`{"kind":"button","text":"Leave","action":"leave"}`) }, "leave": says("x")}, line{"call": "card", "actions": []string{"leave"}})
			r.add(t, id("b"), "", nil, line{"op": "modify", "target": id("a"), "patch": line{"text": "Stay"}})
		}, ": About The page's own.; A: Leave"},
		{"a change of what stands on a form", func(id func(string) string) {
			r.add(t, id("a"), "", guest{"card": func(c *testkit.Code) {
				c.Answer(`{"kind":"form","submit":"Leave","action":"leave","fields":[{"type":"text","name":"why","label":"Why"}]}`)
			}, "leave": says("x")}, line{"call": "card", "actions": []string{"leave"}})
			r.add(t, id("b"), "", nil, line{"op": "modify", "target": id("a"), "patch": line{"submit": "Stay"}})
		}, ": About The page's own.; A: Why (optional) Leave"},
		{"wrapped, the later further out", func(id func(string) string) {
			r.add(t, id("a"), "", nil, line{"op": "wrap", "target": "default", "before": node("in"), "after": node("in")})
			r.add(t, id("b"), "", nil, line{"op": "wrap", "target": "default", "before": node("out"), "after": node("out")})
		}, ": out in About The page's own. in out"},
		{"what is not there", func(id func(string) string) {
			r.add(t, id("a"), "", card, line{"op": "replace", "call": "card", "target": "acme.nobody"}, line{"op": "wrap", "target": "acme.nobody", "before": node("x")})
		}, ": About The page's own."},
		{"of the tenant, locked", func(id func(string) string) {
			r.add(t, id("a"), "", card, line{"call": "card"})
			_, err := r.Registry.Enable(r.ctx, extensions.Enable{ID: id("a"), Grants: []string{}, Locked: true})
			must(t, err)
			r.add(t, id("b"), here, nil, line{"op": "hide", "target": id("a")})
		}, ": About The page's own.; A: card"},
		{"of the tenant, not locked", func(id func(string) string) {
			r.add(t, id("a"), "", card, line{"call": "card"})
			r.add(t, id("b"), here, nil, line{"op": "hide", "target": id("a")})
		}, ": About The page's own."},
		{"elsewhere", func(id func(string) string) { r.add(t, id("a"), there, card, line{"call": "card"}) }, ": About The page's own."},
		{"to others", func(id func(string) string) {
			r.add(t, id("a"), "", card, line{"call": "card", "when": line{"roles": []string{"staff"}}}, line{"op": "hide", "target": "default", "when": line{"courses": []string{there}}})
		}, ": About The page's own."},
		{"two of one extension", func(id func(string) string) {
			r.add(t, id("a"), "", guest{"card": says("one"), "more": says("two")}, line{"call": "card"}, line{"call": "more"})
		}, ": About The page's own.; A: one; A: two"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			publisher := "t" + strings.Repeat("x", i)
			id := func(name string) string { return publisher + "." + name }
			tt.add(id)
			got := seen(string(r.Slots.Fill(r.learner, page(here), slots.Want{Slot: side, Default: about()})[side]))
			for _, name := range []string{"a", "b", "c"} {
				got = strings.ReplaceAll(got, id(name)+":", strings.ToUpper(name)+":")
				_ = r.Registry.Uninstall(r.ctx, id(name), extensions.Scope{})
			}
			if got != tt.want {
				t.Errorf("seen %q, want %q", got, tt.want)
			}
		})
	}
}

// TestOfAnotherOwner: what a course's own extension does to what the page and the
// course's own extensions show, and that it leaves what is the school's.
func TestOfAnotherOwner(t *testing.T) {
	r := newRig(t, app.Config{})
	card := guest{"card": says("card")}
	r.add(t, "acme.school", "", guest{"card": says("Mind the step")}, line{"call": "card", "order": 60})
	r.own(t, "acme.mine", here, guest{"card": says("mine")}, line{"call": "card"})
	about := &tree.Node{Kind: tree.Text, Text: "About"}
	for _, tt := range []struct {
		name string
		from string // what the school does first
		line line
		want string
	}{
		{"changes the school's", "", line{"op": "modify", "target": "acme.school", "patch": line{"text": "Jump"}}, ": About; acme.school: Mind the step; acme.mine: mine"},
		{"hides the school's", "", line{"op": "hide", "target": "acme.school"}, ": About; acme.school: Mind the step; acme.mine: mine"},
		{"replaces the school's", "", line{"op": "replace", "call": "card", "target": "acme.school"}, ": About; acme.school: Mind the step; acme.mine: mine"},
		{"wraps the school's", "", line{"op": "wrap", "target": "acme.school", "before": node("Jump")}, ": About; acme.school: Mind the step; acme.mine: mine"},
		{"changes the page's", "", line{"op": "modify", "target": "default", "patch": line{"text": "New"}}, ": New; acme.school: Mind the step; acme.mine: mine"},
		{"hides one of the course", "", line{"op": "hide", "target": "acme.mine"}, ": About; acme.school: Mind the step"},
		{"wraps what the school puts in place of the page's, before it does", "replace", line{"op": "wrap", "target": "default", "before": node("Jump"), "order": 1}, "acme.first: card; acme.school: Mind the step; acme.mine: mine"},
		{"hides it", "replace", line{"op": "hide", "target": "default", "order": 1}, "acme.first: card; acme.school: Mind the step; acme.mine: mine"},
		{"hides what the school adds to", "wrap", line{"op": "hide", "target": "default", "order": 1}, ": Rules About; acme.school: Mind the step; acme.mine: mine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			switch tt.from {
			case "replace":
				r.add(t, "acme.first", "", card, line{"op": "replace", "call": "card", "target": "default"})
			case "wrap":
				r.add(t, "acme.first", "", nil, line{"op": "wrap", "target": "default", "before": node("Rules")})
			}
			r.own(t, "acme.actor", here, card, tt.line)
			if got := seen(string(r.Slots.Fill(r.learner, page(here), slots.Want{Slot: side, Default: about})[side])); got != tt.want {
				t.Errorf("seen %q, want %q", got, tt.want)
			}
			must(t, r.Registry.Uninstall(r.ctx, "acme.actor", extensions.Scope{Course: here}))
			if tt.from != "" {
				must(t, r.Registry.Uninstall(r.ctx, "acme.first", extensions.Scope{}))
			}
		})
	}
}

// TestContainer: what surrounds a slot is as the pages expect it, and whatever an
// extension is called stays text.
func TestContainer(t *testing.T) {
	r := newRig(t, app.Config{})
	if got, want := r.fill(r.learner, here), `<div class="slots" data-slots="course.sidebar.v1" id="slots-course-sidebar-v1"></div>`; got != want {
		t.Errorf("empty: %s, want %s", got, want)
	}
	r.addWith(t, "acme.card", "", guest{"card": says("Hello")}, map[string]any{"title": `<b>"x"&`}, line{"call": "card"})
	want := `<section class="slot" data-slot="course.sidebar.v1" id="slot-course-sidebar-v1-acme-card" tabindex="-1" role="group" data-extension="acme.card" aria-label="&lt;b&gt;&#34;x&#34;&amp;">`
	got := r.fill(r.learner, here)
	if !strings.Contains(got, want) || !strings.Contains(got, `<footer class="slot-foot">from <bdi>&lt;b&gt;&#34;x&#34;&amp;</bdi></footer></section></div>`) {
		t.Errorf("filled: %s", got)
	}
}

// TestImages: an image of the bundle is shown from the second origin, and what stands
// for one that the bundle does not have is its alternative text.
func TestImages(t *testing.T) {
	r := newRig(t, app.Config{})
	manifest, err := json.Marshal(map[string]any{"id": "acme.image", "version": "1.0.0", "abi": 1, "title": "Images", "slots": []any{line{"slot": above, "call": "card", "title": "Picture"}}})
	must(t, err)
	b, err := bundle.Make(map[string][]byte{"extension.json": manifest, "assets/a b/c.png": []byte("picture"), "main.wasm": testkit.Guest(guest{"card": func(c *testkit.Code) {
		c.Answer(`{"kind":"stack","children":[{"kind":"image","asset":"a b/c.png","alt":"There","width":1,"height":1},{"kind":"image","asset":"d.png","alt":"Not there","width":1,"height":1}]}`)
	}})})
	must(t, err)
	var zip bytes.Buffer
	must(t, b.Write(&zip))
	r.Install(t, r.ctx, zip.Bytes(), "", nil)
	got := string(r.Slots.Fill(r.learner, page(here), slots.Want{Slot: above})[above])
	if want := `src="http://content.example/assets/` + b.Digest + `/a%20b/c.png"`; !strings.Contains(got, want) || !strings.Contains(got, `aria-label="Picture"`) {
		t.Errorf("it shows no %s: %s", want, got)
	}
	if strings.Count(got, "<img") != 1 || strings.Contains(got, "d.png") || !strings.Contains(got, "Not there") {
		t.Errorf("an image that is not there: %s", got)
	}
}

// TestTrouble: what is late, broken, hostile or suspended leaves the others alone.
// Learners see nothing of it; those who run the tenant see what happened, and the
// trace; course staff, of the tenant's extensions, the trace alone, and of their own
// everything.
func TestTrouble(t *testing.T) {
	r := newRig(t, app.Config{})
	deep := strings.Repeat(`{"kind":"stack","children":[`, 30) + `"x"` + strings.Repeat(`]}`, 30)
	for _, tt := range []struct {
		name string
		do   func(*testkit.Code)
		says string
	}{
		{"trapping", func(c *testkit.Code) { c.Trap() }, "is not shown: hook card: trapped"},
		{"an error", func(c *testkit.Code) { c.Fail(`{"kind":"invalid","message":"No & no"}`) }, "is not shown: hook card: No &amp; no."},
		{"no JSON", func(c *testkit.Code) { c.Answer(`<script>alert(1)</script>`) }, "is not shown: "},
		{"no tree", func(c *testkit.Code) { c.Answer(`{"html":"<b>"}`) }, "is not shown: "},
		{"raw HTML", func(c *testkit.Code) { c.Answer(`{"kind":"html","html":"<script>alert(1)</script>"}`) }, "is not shown: "},
		{"too deep", func(c *testkit.Code) { c.Answer(deep) }, "is not shown: "},
		{"10 MB", func(c *testkit.Code) { c.Claim(10 << 20) }, "is not shown: "},
		{"200 KB of zeros", func(c *testkit.Code) { c.Claim(200 << 10) }, "is not shown: "},
		{"what nobody may ask", func(c *testkit.Code) { c.Answer(`{"kind":"button","text":"x","action":"hidden"}`) }, "asks for &#34;hidden&#34;, which the manifest does not name"},
		{"a change of something", func(c *testkit.Code) { c.Call("kv.set", `{"key":"a","value":"b"}`); c.Result() }, "is not shown: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r.addWith(t, "acme.bad", "", guest{"card": tt.do, "hidden": says("x")}, map[string]any{"permissions": []string{"kv", "http:127.0.0.1"}}, line{"call": "card", "order": 1})
			r.add(t, "acme.good", "", guest{"card": says("Well")}, line{"call": "card"})
			defer func() {
				must(t, r.Registry.Uninstall(r.ctx, "acme.bad", extensions.Scope{}))
				must(t, r.Registry.Uninstall(r.ctx, "acme.good", extensions.Scope{}))
			}()
			if got := r.fill(r.learner, here); seen(got) != "acme.good: Well" || strings.Contains(got, "acme.bad") || strings.Contains(got, "slot-trouble") {
				t.Errorf("a learner sees %s", got)
			}
			for _, who := range []struct {
				name string
				ctx  context.Context
				says string
			}{{"an admin", r.admin, tt.says}, {"staff", r.staff, "is not shown as it should be. Trace"}} {
				got := r.fill(who.ctx, here)
				if seen(got) != "acme.good: Well" {
					t.Errorf("%s sees %s", who.name, got)
				}
				line := between(got, `<p class="slot-trouble" data-slot="course.sidebar.v1" data-extension="acme.bad"><a href="/t/acme/courses/course-v1:A+Here+1/extensions/acme.bad"><bdi>The acme.bad</bdi></a> `, "</p>")
				if !strings.Contains(line, who.says) || !strings.HasSuffix(line, " Trace <code>"+trellis.TraceFrom(who.ctx).ID+"</code>") || strings.Contains(line, "<script") {
					t.Errorf("%s is told %q, want %q", who.name, line, who.says)
				}
			}
		})
	}
}

// TestSpinning: a card that computes without end is ended, by its fuel or by the
// clock, whichever comes first, and those who run the tenant are told by which.
func TestSpinning(t *testing.T) {
	for _, tt := range []struct {
		name string
		fuel uint64 // a second's
		says string
	}{
		{"little fuel", 400_000, "was stopped: it computed without end."}, // 100 ms are worth less than makes a guest look at the clock
		{"much fuel", 1 << 50, "did not answer in the time that it may take."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, app.Config{Fuel: tt.fuel, Modules: extensions.Modules{Time: 250 * time.Millisecond}})
			r.add(t, "acme.bad", "", guest{"card": func(c *testkit.Code) { c.Spin() }}, line{"call": "card", "order": 1})
			r.add(t, "acme.good", "", guest{"card": says("Well")}, line{"call": "card"})
			for _, who := range []context.Context{r.admin, r.staff} {
				if got := r.fill(who, here); seen(got) != "acme.good: Well" || !strings.Contains(got, tt.says) {
					t.Errorf("seen %s, want %q", got, tt.says)
				}
			}
		})
	}
}

// TestWaiting: a card that waits for a host which does not answer is ended by the
// clock, and no other waits for it.
func TestWaiting(t *testing.T) {
	address, reach := deaf(t)
	r := newRig(t, app.Config{Egress: reach, Modules: extensions.Modules{Time: 250 * time.Millisecond}})
	r.addWith(t, "acme.bad", "", guest{"card": func(c *testkit.Code) {
		c.Call("http.fetch", `{"url":"`+address+`"}`)
		c.Answer(`{"kind":"text","text":"late"}`)
	}}, map[string]any{"permissions": []string{"http:127.0.0.1"}}, line{"call": "card", "order": 1})
	r.add(t, "acme.good", "", guest{"card": says("Well")}, line{"call": "card"})
	for _, who := range []context.Context{r.admin, r.staff} {
		if got := r.fill(who, here); seen(got) != "acme.good: Well" || !strings.Contains(got, "did not answer in the time that it may take.") {
			t.Errorf("seen %s", got)
		}
	}
}

// TestOwnTrouble: of a course's own extension its staff read what went wrong.
func TestOwnTrouble(t *testing.T) {
	r := newRig(t, app.Config{})
	r.own(t, "acme.bad", here, guest{"card": func(c *testkit.Code) { c.Fail(`{"kind":"invalid","message":"No more"}`) }}, line{"call": "card"})
	if got := r.fill(r.staff, here); !strings.Contains(got, "is not shown: hook card: No more.") {
		t.Errorf("staff see %s", got)
	}
}

// TestSuspended: what was suspended takes no part, and those who run it are told.
func TestSuspended(t *testing.T) {
	r := newRig(t, app.Config{})
	about := tree.Node{Kind: tree.Text, Text: "About"}
	r.add(t, "acme.bad", "", guest{"card": func(c *testkit.Code) { c.Trap() }}, line{"call": "card"}, line{"op": "hide", "target": "default"})
	want := slots.Want{Slot: side, Default: &about}
	if got := seen(string(r.Slots.Fill(r.learner, page(here), want)[side])); got != "" {
		t.Errorf("before: %s", got)
	}
	suspend(t, r, "acme.bad")
	if got := seen(string(r.Slots.Fill(r.learner, page(here), want)[side])); got != ": About" {
		t.Errorf("after: %s", got)
	}
	if got := string(r.Slots.Fill(r.admin, page(here), want)[side]); strings.Count(got, "is off. It stopped itself: it fails.</p>") != 1 {
		t.Errorf("an admin sees %s", got)
	}
	if got := string(r.Slots.Fill(r.staff, page(here), want)[side]); strings.Count(got, "is off. It stopped itself.</p>") != 1 {
		t.Errorf("staff see %s", got)
	}
}

// TestStopped: what those who run the tenant have stopped takes no part; staff are told
// so, once, with their reason, and learners are not.
func TestStopped(t *testing.T) {
	r := newRig(t, app.Config{})
	r.add(t, "acme.bad", "", guest{"card": says("Here")}, line{"call": "card"}, line{"op": "hide", "target": "default"}, line{"call": "card", "slot": "courses.banner.v1"})
	r.add(t, "acme.off", "", guest{"card": says("There")}, line{"call": "card"})
	_, err := r.Registry.Disable(r.ctx, "acme.off", "")
	must(t, err)
	for _, id := range []string{"acme.bad", "acme.off"} {
		_, err = r.Registry.Stop(r.ctx, extensions.Stopping{ID: id, Reason: "It spies\non <b>us</b>."})
		must(t, err)
	}
	if got, want := r.fill(r.learner, here), `<div class="slots" data-slots="course.sidebar.v1" id="slots-course-sidebar-v1"></div>`; got != want {
		t.Errorf("a learner sees %s", got)
	}
	const sentence = `<bdi>The acme.bad</bdi></a> is switched off by those who run the school: It spies on &lt;b&gt;us&lt;/b&gt;.</p></div>`
	got := r.fill(r.staff, here)
	if want := `data-extension="acme.bad"><a href="/t/acme/courses/course-v1:A+Here+1/extensions/acme.bad">` + sentence; strings.Count(got, "slot-trouble") != 1 || !strings.HasSuffix(got, want) {
		t.Errorf("staff see %s, want %s", got, want)
	}
	const banner = "courses.banner.v1"
	admin, _ := r.person(t, "acme", "ada", trellis.Role{Name: trellis.RoleTenantAdmin})
	got = string(r.Slots.Fill(admin, page(""), slots.Want{Slot: banner})[banner])
	if want := `data-extension="acme.bad"><a href="/t/acme/console/extensions/acme.bad">` + sentence; !strings.HasSuffix(got, want) {
		t.Errorf("those who run the tenant see %s, want %s", got, want)
	}
	_, err = r.Registry.Resume(r.ctx, "acme.bad", "")
	must(t, err)
	if got := seen(r.fill(r.staff, here)); got != "acme.bad: Here" {
		t.Errorf("resumed: %s", got)
	}
}

// stuck is people whose names nobody gets to know before the test is over.
type stuck chan struct{}

func (s stuck) FillPeople(_ context.Context, _ reflect.Type, data []byte, _ func(string) bool) ([]byte, error) {
	<-s
	return data, nil
}

// TestDeadline: a page does not wait for what is late, nor for anybody when whoever
// asked has gone, and shows what is not late.
func TestDeadline(t *testing.T) {
	r := newRig(t, app.Config{})
	people := make(stuck)
	defer close(people)
	r.addWith(t, "acme.late", "", guest{"card": says("Late")}, map[string]any{"permissions": []string{"pii:name"}}, line{"call": "card", "order": 1})
	impatient := r.patient(t, slots.Config{People: people, Deadline: 50 * time.Millisecond})
	if got := string(impatient.Fill(r.admin, page(here), slots.Want{Slot: side})[side]); seen(got) != "" || !strings.Contains(got, "did not answer in 50 ms.") {
		t.Errorf("seen %s", got)
	}

	r.add(t, "acme.good", "", guest{"card": says("Well")}, line{"call": "card"}, line{"call": "card", "slot": above})
	counts := metrics.New()
	patient := r.patient(t, slots.Config{People: people, Deadline: time.Hour, Metrics: counts})
	ctx, leave := context.WithCancel(r.admin)
	filled := make(chan map[string]template.HTML)
	go func() { filled <- patient.Fill(ctx, page(here), slots.Want{Slot: side}, slots.Want{Slot: above}) }()
	testkit.Eventually(t, "what is not late", func() bool {
		w := httptest.NewRecorder()
		counts.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return strings.Count(w.Body.String(), `trellis_slot_seconds_count{outcome="shown",slot="`) == 2
	})
	leave()
	got := <-filled
	if seen(string(got[side])) != "acme.good: Well" || seen(string(got[above])) != "acme.good: Well" || !strings.Contains(string(got[side]), "did not answer in") {
		t.Errorf("seen %v", got)
	}
}

// ends notes whose calls have ended, in their order.
type ends struct {
	slots.Traces
	mu    sync.Mutex
	whose []string
}

func (e *ends) Slot(ctx context.Context, h extensions.Hook, slot string, began time.Time, used runtime.Stats, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.whose = append(e.whose, h.Extension())
}

// TestFlood: one who fills a page with what never ends does not keep the cards of
// others away, though none of them was shown before: they need not wait for its end.
func TestFlood(t *testing.T) {
	r := newRig(t, app.Config{})
	flood := guest{}
	var lines []line
	for _, slot := range []string{side, above} {
		for _, name := range []string{"a", "b", "c"} {
			flood[name] = func(c *testkit.Code) { c.Spin() }
			lines = append(lines, line{"slot": slot, "call": name, "order": 1})
		}
	}
	r.add(t, "evil.flood", here, flood, lines...)
	for _, id := range []string{"acme.one", "acme.two"} {
		r.add(t, id, "", guest{"card": says("Well")}, line{"call": "card"}, line{"call": "card", "slot": above})
	}
	order := &ends{Traces: r.Plugins}
	flooded := r.patient(t, slots.Config{Deadline: testkit.Patience, Traces: order})
	got := flooded.Fill(r.learner, page(here), slots.Want{Slot: side}, slots.Want{Slot: above})
	for _, slot := range []string{side, above} {
		if s := seen(string(got[slot])); !strings.Contains(s, "acme.one: Well") || !strings.Contains(s, "acme.two: Well") {
			t.Errorf("in %s is seen %q", slot, s)
		}
	}
	if last := len(order.whose) - 1; last != 9 || order.whose[last] != "evil.flood" {
		t.Errorf("the calls ended in the order %q, want the flood's last", order.whose)
	}
}

func node(text string) line { return line{"kind": "text", "text": text} }

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

// TestNobodyIsLeft: what spins ends by its fuel, also when no page waits any more.
func TestNobodyIsLeft(t *testing.T) {
	r := newRig(t, app.Config{})
	r.add(t, "acme.x", "", guest{"card": func(c *testkit.Code) { c.Spin() }}, line{"call": "card"})
	impatient := r.patient(t, slots.Config{Deadline: time.Millisecond})
	before := goruntime.NumGoroutine()
	for range 4 { // then the breaker keeps it from running
		for range 25 {
			impatient.Fill(r.learner, page(here), slots.Want{Slot: side})
		}
	}
	testkit.Eventually(t, "the calls to end", func() bool { return goruntime.NumGoroutine() <= before })
}
