package slots_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/plugins"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/runtime"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "compile-child" {
		os.Exit(runtime.CompileChild(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestPlaces: names are such as manifests may have, and sentences fit behind "Shows
// something".
func TestPlaces(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range slots.Places() {
		if !trellis.ValidType(p.Name) || !regexp.MustCompile(`\.v\d+$`).MatchString(p.Name) || seen[p.Name] {
			t.Errorf("the name %q", p.Name)
		}
		seen[p.Name] = true
		if p.Sentence == "" || strings.HasSuffix(p.Sentence, ".") || p.Sentence[0] < 'a' || p.Level == "" {
			t.Errorf("%s: %+v", p.Name, p)
		}
		if got, ok := slots.PlaceOf(p.Name); !ok || got != p {
			t.Errorf("%s is found as %+v", p.Name, got)
		}
	}
	if _, ok := slots.PlaceOf("course.sidebar.v9"); ok {
		t.Error("a place that there is not")
	}
}

// TestAsked: what an extension is told of who looks: what it was granted, and no
// more. What it was told of people is recorded.
func TestAsked(t *testing.T) {
	r := newRig(t, app.Config{})
	for _, tt := range []struct {
		name        string
		permissions []string
		want        string // of the person
		reads       int
	}{
		{"nothing granted", []string{}, `{"id":"ID","roles":["learner"]}`, 0},
		{"a name", []string{"pii:name"}, `{"id":"ID","roles":["learner"],"name":"Lena"}`, 1},
		{"everything", []string{"pii:name", "pii:email", "pii:username"}, `{"id":"ID","roles":["learner"],"name":"Lena","email":"lena@example.org","username":"lena"}`, 3},
		{"where she is enrolled", []string{"enrollments:read", "courses:read"}, `{"id":"ID","roles":["learner"],"enrolled":{"is_active":false}}`, 0},
		{"in which mode", []string{"enrollments:read", "courses:read", "kv", "jobs"}, `{"id":"ID","roles":["learner"],"enrolled":{"is_active":true,"mode":"honor"}}`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Contains(tt.want, "honor") {
				_, err := r.Learning.Enroll(r.ctx, learning.Enroll{Person: trellis.ActorFrom(r.learner).ID, Course: here, Mode: "honor"})
				must(t, err)
			}
			before := reads(t, r)
			id := "acme.asked" + strings.Repeat("x", len(tt.permissions))
			r.addWith(t, id, "", guest{"card": func(c *testkit.Code) { c.LogInput(); c.Answer("null") }}, map[string]any{"permissions": tt.permissions}, line{"call": "card"})
			if got := r.fill(r.learner, here); seen(got) != "" {
				t.Errorf("seen %s", got)
			}
			told := r.logged(t, id)
			var in map[string]json.RawMessage
			must(t, json.Unmarshal([]byte(told), &in))
			me := trellis.ActorFrom(r.learner).ID
			if got := strings.ReplaceAll(string(in["person"]), me, "ID"); got != tt.want {
				t.Errorf("told of the person %s, want %s", got, tt.want)
			}
			for key, want := range map[string]string{"slot": `"` + side + `"`, "tenant": `"acme"`, "course": `"` + here + `"`, "settings": `{}`, "locale": `"en"`, "trace": `"` + trellis.TraceFrom(r.learner).ID + `"`} {
				if string(in[key]) != want {
					t.Errorf("told %s %s, want %s", key, in[key], want)
				}
			}
			if len(in) != 8 {
				t.Errorf("told %s", told)
			}
			if n := reads(t, r) - before; n != tt.reads {
				t.Errorf("%d reads recorded, want %d", n, tt.reads)
			}
		})
	}
}

// TestNobody: on the page where people sign in, there is no person, and nothing that
// could be asked.
func TestNobody(t *testing.T) {
	r := newRig(t, app.Config{})
	r.addWith(t, "acme.notice", "", guest{"card": func(c *testkit.Code) {
		c.LogInput()
		c.Answer(`{"kind":"card","title":"Closed on Monday","children":[{"kind":"button","text":"Vote","action":"vote"}]}`)
	}, "vote": says("x")}, map[string]any{"permissions": []string{"pii:name"}}, line{"slot": "login.notice.v1", "call": "card", "actions": []string{"vote"}})
	ctx := trellis.WithActor(t.Context(), trellis.Actor{Tenant: "acme"})
	got := string(r.Slots.Fill(ctx, page(""), slots.Want{Slot: "login.notice.v1"})["login.notice.v1"])
	if seen(got) != "acme.notice: Closed on Monday" || strings.Contains(got, "<form") {
		t.Errorf("seen %s", got)
	}
	if told := r.logged(t, "acme.notice"); strings.Contains(told, "person") {
		t.Errorf("told %s", told)
	}
}

// TestTraces: the steps of a page are in its trace.
func TestTraces(t *testing.T) {
	r := newRig(t, app.Config{})
	r.add(t, "acme.good", "", guest{"card": says("Well")}, line{"call": "card"})
	r.add(t, "acme.bad", "", guest{"card": func(c *testkit.Code) { c.Trap() }}, line{"call": "card"})
	r.fill(r.learner, here)
	raw, err := r.API.Serve(trellis.WithActor(t.Context(), trellis.ActorFrom(r.ctx)), hostapi.HTTPDoor, "traces.get", []byte(`{"id":"`+trellis.TraceFrom(r.learner).ID+`"}`))
	must(t, err)
	var tr plugins.Trace
	must(t, json.Unmarshal(raw, &tr))
	outcomes := map[string]string{}
	for _, s := range tr.Steps {
		outcomes[s.Extension] = s.Slot + " " + s.Hook + " " + s.Outcome
	}
	if len(tr.Steps) != 2 || outcomes["acme.good"] != side+" card passed" || outcomes["acme.bad"] != side+" card failed" {
		t.Errorf("steps %+v", tr.Steps)
	}
}

// TestList: operators and course staff see what takes part where, and what gets in
// each other's way; others see nothing.
func TestList(t *testing.T) {
	r := newRig(t, app.Config{})
	r.add(t, "acme.a", "", guest{"card": says("x"), "vote": says("x")}, line{"call": "card", "actions": []string{"vote"}, "when": line{"percent": 5}})
	r.add(t, "acme.b", here, nil, line{"op": "hide", "target": "default"}, line{"op": "modify", "target": "default", "patch": line{}})
	list := func(course string) (out slots.Listed, err error) {
		raw, err := r.API.Serve(r.staff, hostapi.HTTPDoor, "slots.list", []byte(`{"course":"`+course+`"}`))
		if err == nil {
			err = json.Unmarshal(raw, &out)
		}
		return out, err
	}
	out, err := list(here)
	must(t, err)
	if len(out.Items) != len(slots.Places()) || out.Items[0].Slot != side {
		t.Fatalf("places %+v", out.Items)
	}
	parts := out.Items[0].Parts
	if len(parts) != 3 || parts[0].Extension != "acme.a" || parts[0].When.Percent != 5 || parts[1].Op != "hide" || len(out.Items[0].Conflicts) != 1 || len(out.Items[1].Parts) != 0 {
		t.Errorf("listed %+v", out.Items[0])
	}
	if _, err := list(there); trellis.KindOf(err) != trellis.NotFound {
		t.Errorf("of another course: %v", err)
	}
	if _, err := r.API.Serve(r.learner, hostapi.HTTPDoor, "slots.list", []byte(`{}`)); trellis.KindOf(err) != trellis.Denied {
		t.Errorf("a learner: %v", err)
	}
}

// logged returns what an extension has logged last.
func (r *rig) logged(t testing.TB, id string) (line string) {
	t.Helper()
	testkit.Eventually(t, "the log of "+id, func() bool {
		raw, err := r.API.Serve(r.ctx, hostapi.HTTPDoor, "extensions.logs", []byte(`{"id":"`+id+`"}`))
		must(t, err)
		var logs struct{ Items []struct{ Message string } }
		must(t, json.Unmarshal(raw, &logs))
		if len(logs.Items) > 0 {
			line = logs.Items[0].Message
		}
		return line != ""
	})
	return line
}

// reads returns how often it was recorded that an extension was told of a person.
func reads(t testing.TB, r *rig) int {
	t.Helper()
	lines, err := r.DB.AuditLog(r.ctx, store.AuditQuery{Operation: "personal.read"})
	must(t, err)
	return len(lines)
}
