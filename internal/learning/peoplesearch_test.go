package learning_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// TestSearch: people are found by what the searcher may see of them, by nothing
// else: who may not see a name does not find it out by searching.
func TestSearch(t *testing.T) {
	w := newWorld(t)
	sys := system(t, "acme")
	for name, of := range map[string]learning.Register{
		"björk": {Username: "Björk", Name: "Åse 100%_Björk", Email: "Bjork@example.org"},
		"percy": {Username: "percy", Name: "Percy Ä"},
	} {
		p, err := w.Register(sys, of)
		must(t, err)
		w.ids[name] = p.ID
		w.actors[name] = person(p.ID)
	}
	ada, err := w.Person(sys, w.ids["ada"])
	must(t, err)
	names := map[string]string{}
	for name, id := range w.ids {
		names[id] = name
	}
	w.actors["blind"] = narrowed(w.actors["admin"], "users:read")
	for _, tt := range []struct{ who, search, want string }{
		{"admin", "BJÖRK", "björk"},
		{"admin", "bjork@EXAMPLE", "björk"},
		{"admin", "100%", "björk"},
		{"admin", "%_B", "björk"},
		{"admin", "_", "björk"},
		{"admin", "Å", "björk"},
		{"admin", "nobody", ""},
		{"admin", w.ids["ada"], "ada"},
		{"admin", string(must2(json.Marshal(ada.Number))), "ada"},
		{"blind", "björk", ""},
		{"blind", w.ids["björk"], "björk"},
		{"gostaff", "ada", ""},
		{"gostaff", w.ids["ada"], "ada"},
		{"gostaff", w.ids["bob"], ""},
		{"zoe", "ada", ""},
	} {
		in, _ := json.Marshal(map[string]string{"search": tt.search})
		var got []string
		for _, item := range w.list(t, w.actors[tt.who], "users.list", string(in)).Items {
			got = append(got, names[item["id"].(string)])
		}
		slices.Sort(got)
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("%s searches %q: %q, want %q", tt.who, tt.search, got, tt.want)
		}
	}
	for _, bad := range []string{`{"search":"a\u0000"}`, `{"search":"` + strings.Repeat("x", 151) + `"}`} {
		if _, err := w.do(t, w.actors["admin"], "users.list", bad); kind(err) != trellis.Invalid {
			t.Errorf("%.40s: %v", bad, err)
		}
	}
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestNumbers: what is counted is the tenant's own.
func TestNumbers(t *testing.T) {
	w := newWorld(t)
	other := system(t, "other")
	w.someone(t, other, "stranger")
	out, err := w.do(t, w.actors["admin"], "tenants.numbers", `{}`)
	must(t, err)
	var n learning.Numbers
	must(t, json.Unmarshal([]byte(out), &n))
	if n.People != len(w.ids) || n.Courses != 3 || n.Enrollments != 4 || n.Minute == 0 || len(n.Hours) != 24 {
		t.Errorf("numbers %+v", n)
	}
	enrolled, events := 0, 0
	for _, h := range n.Hours {
		enrolled, events = enrolled+h.Enrolled, events+h.Events
	}
	if last := n.Hours[23]; enrolled != 4 || events != n.Minute || time.Since(last.Begins) > 2*time.Hour {
		t.Errorf("hours: %d enrolled, %d events, %d of the last minute, last %+v", enrolled, events, n.Minute, last)
	}
	for _, who := range []string{"zoe", "gostaff", "artsadmin"} {
		if _, err := w.do(t, w.actors[who], "tenants.numbers", `{}`); err == nil {
			t.Errorf("%s sees the numbers", who)
		}
	}
}

// TestAuditOfATime narrows the audit log to a time and a trace.
func TestAuditOfATime(t *testing.T) {
	w := newWorld(t)
	admin := w.actors["admin"]
	if _, err := w.do(t, admin, "courses.update", `{"course":"`+goCourse+`","title":"X"}`); err != nil {
		t.Fatal(err)
	}
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
	for _, tt := range []struct {
		query string
		some  bool
	}{
		{`"since":"` + in(-time.Hour) + `"`, true}, {`"since":"` + in(time.Hour) + `"`, false},
		{`"until":"` + in(time.Hour) + `"`, true}, {`"until":"` + in(-time.Hour) + `"`, false}, {`"trace":"none"`, false},
	} {
		if n := len(w.list(t, admin, "audit.list", `{`+tt.query+`,"operation":"courses.update"}`).Items); (n > 0) != tt.some {
			t.Errorf("%s: %d entries", tt.query, n)
		}
	}
	if _, err := w.do(t, admin, "audit.list", `{"since":"yesterday"}`); kind(err) != trellis.Invalid || !strings.Contains(err.Error(), "like 2026") {
		t.Errorf("yesterday: %v", err)
	}
}
