package extensions_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/runtime"
)

// rich is what a manifest has that has a little of everything.
var rich = map[string]any{
	"permissions": []string{"kv", "users:read", "pii:name"}, "homepage": "https://acme.example/late", "limits": map[string]any{"memory": "8MiB"},
	"secrets":  []any{map[string]any{"name": "key", "title": "Key"}, map[string]any{"name": "other", "title": "Other"}},
	"settings": map[string]any{"type": "object", "properties": map[string]any{"days": map[string]any{"type": "integer", "default": 2, "minimum": 0, "maximum": 30}}},
	"events":   []any{map[string]any{"on": happened.Name(), "call": "check"}},
}

// TestDetail: whoever may see an extension learns who made it, what it may do, how
// its hooks are, which secrets are set, and what its versions change.
func TestDetail(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, s, pack(t, "acme.x", "1.0.0", rich), here)
	r.enable(t, s, "acme.x", here, `{"days":5}`, "kv")
	must(t, r.SetSecret(s, extensions.SecretInput{ID: "acme.x", Course: here, Name: "key", Value: "hush"}))
	more := map[string]any{}
	for k, v := range rich {
		more[k] = v
	}
	more["permissions"] = []string{"kv", "pii:name", "courses:read"}
	more["settings"] = map[string]any{"type": "object", "properties": map[string]any{"days": map[string]any{"type": "integer", "default": 3, "minimum": 0, "maximum": 30}, "to": map[string]any{"type": "string"}}}
	more["limits"] = map[string]any{"memory": "16MiB"}
	r.install(t, s, pack(t, "acme.x", "1.1.0", more), here)

	d, err := r.Detail(s, "acme.x", extensions.Scope{Course: here})
	must(t, err)
	if !d.Own || d.Publisher != "acme" || d.Homepage != "https://acme.example/late" || d.Limits.Memory != "8MiB" || d.Isolation != "pristine" || string(d.Set) != `{"days":5}` || string(d.Base) != `{"days":2}` {
		t.Errorf("detail %+v", d)
	}
	if got, _ := json.Marshal(d.Asked); string(got) != `[{"permission":"kv","text":"Keep notes of its own","granted":true,"self_service":true},{"permission":"users:read","text":"See who the people are, by their numbers","self_service":true},{"permission":"pii:name","text":"See people's names"}]` {
		t.Errorf("asked %s", got)
	}
	if strings.Join(d.Beyond, " ") != "pii:name" {
		t.Errorf("beyond %v", d.Beyond)
	}
	if len(d.Hooks) != 2 || d.Hooks[0].Kind != "filter" || !d.Hooks[0].Refuses || d.Hooks[0].State != "closed" || d.Hooks[1].Doc != "Happens in tests" {
		t.Errorf("hooks %+v", d.Hooks)
	}
	if len(d.Wanted) != 2 || d.Wanted[0].Set == nil || d.Wanted[1].Set != nil {
		t.Errorf("secrets %+v", d.Wanted)
	}
	if len(d.Versions) != 2 || d.Versions[0].Version != "1.1.0" || d.Versions[0].State != "pending" || d.Versions[1].State != "runs" || d.Versions[1].Size == 0 || d.Versions[1].InstalledBy != "person:staff" {
		t.Errorf("versions %+v", d.Versions)
	}
	got, err := json.Marshal(d.Next)
	must(t, err)
	for _, want := range []string{`"from":"1.0.0","to":"1.1.0"`, `"new":[{"permission":"courses:read","text":"See the courses"}]`, `"gone":[{"permission":"users:read"`, `"days`, `"New: To"`, `Memory: 16MiB, was 8MiB`} {
		if !strings.Contains(string(got), want) && !strings.Contains(strings.ToLower(string(got)), want) {
			t.Errorf("the version that waits lacks %s: %s", want, got)
		}
	}
	if out, err := r.api.Serve(a, "http", "extensions.detail", []byte(`{"id":"acme.x","course":"`+here+`"}`)); err != nil || strings.Contains(string(out), "hush") {
		t.Errorf("%s (%v)", out, err)
	}

	_, err = r.Consent(a, "acme.x", extensions.Scope{Course: here}, []string{"*"})
	must(t, err)
	d, err = r.Detail(s, "acme.x", extensions.Scope{Course: here})
	must(t, err)
	if d.Back == nil || d.Back.To != "1.0.0" || len(d.Back.Gone) != 1 || d.Last == nil || d.Last.From != "1.0.0" || d.Next != nil {
		t.Errorf("back %+v, last %+v", d.Back, d.Last)
	}
	_, err = r.Detail(staff(t, "a", there), "acme.x", extensions.Scope{Course: there})
	kind(t, "another course", err, trellis.NotFound)
}

// TestDetailOfTheTenants: a course learns of its tenant's extension what concerns
// it, and neither the tenant's secrets, versions and errors, nor other courses.
func TestDetailOfTheTenants(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, a, pack(t, "acme.x", "1.0.0", rich, map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Trap() }}), "")
	r.enable(t, a, "acme.x", "", `{"days":7}`, "*")
	r.enable(t, a, "acme.x", there, `{"days":9}`, "kv")
	for range 6 {
		_, err := r.call(a, here)
		if err == nil {
			t.Fatal("a trap is no error")
		}
	}
	r.install(t, a, pack(t, "acme.x", "1.1.0", map[string]any{"permissions": []string{"grades:read"}}), "")
	d, err := r.Detail(s, "acme.x", extensions.Scope{Course: here})
	must(t, err)
	if d.Own || string(d.Base) != `{"days":7}` || string(d.Set) != `{}` || len(d.Wanted) != 0 || len(d.Versions) != 1 || d.Pending != "" || d.Next != nil || d.Errors != 0 || d.LastError != "" {
		t.Errorf("detail %+v", d)
	}
	if len(d.Enabled) != 1 || d.Enabled[0].Course != "" {
		t.Errorf("enabled %+v", d.Enabled)
	}
	for _, h := range d.Hooks {
		if h.Reason != "" {
			t.Errorf("the course reads what went wrong elsewhere: %s", h.Reason)
		}
	}
	whole, err := r.Detail(a, "acme.x", extensions.Scope{})
	must(t, err)
	if whole.Errors != 5 || whole.Hooks[0].State != "open" || whole.Hooks[0].Since == nil || whole.Hooks[0].Until == nil || !strings.Contains(whole.Hooks[0].Reason, "trapped") {
		t.Errorf("%d errors, hooks %+v", whole.Errors, whole.Hooks)
	}
	if rest := whole.Resting; rest == nil || rest.Hooks != 1 || rest.On != asked.Name() || rest.Failures != 5 || !strings.Contains(rest.Reason, "trapped") || !rest.Until.After(rest.Since) {
		t.Errorf("left alone: %+v", rest)
	}
	if d.Resting != nil {
		t.Errorf("the course reads what is left alone elsewhere: %+v", d.Resting)
	}
}

// TestSettingsOfTheTenant: what the tenant has set is for those who run it, at every
// door; and in a course for those who may lay other settings over it.
func TestSettingsOfTheTenant(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, a, pack(t, "acme.x", "1.0.0", rich), "")
	on := func(locked bool) {
		t.Helper()
		_, err := r.Enable(a, extensions.Enable{ID: "acme.x", Grants: []string{"*"}, Settings: json.RawMessage(`{"days":7}`), Locked: locked})
		must(t, err)
	}
	readers := staff(t, "a", here)
	actor := trellis.ActorFrom(readers)
	actor.Scopes = []string{"extensions:read"}
	readers = trellis.WithActor(readers, actor)
	shows := func(ctx context.Context, operation, in string) bool {
		t.Helper()
		out, err := r.api.Serve(ctx, hostapi.HTTPDoor, operation, []byte(in))
		must(t, err)
		if hidden := strings.Contains(string(out), `"hidden":true`); hidden == strings.Contains(string(out), `"days":7`) {
			t.Errorf("%s %s says %s", operation, in, out)
		}
		return strings.Contains(string(out), `"days":7`)
	}
	const course = `{"id":"acme.x","course":"` + here + `"}`
	for _, locked := range []bool{false, true} {
		on(locked)
		for _, tt := range []struct {
			name          string
			ctx           context.Context
			operation, in string
			want          bool
		}{
			{"who runs it, in the list", a, "extensions.list", `{}`, true},
			{"who runs it", a, "extensions.get", `{"id":"acme.x"}`, true},
			{"who runs it, of the tenant", a, "extensions.detail", `{"id":"acme.x"}`, true},
			{"who runs it, of a course", a, "extensions.detail", course, true},
			{"course staff, in the list", s, "extensions.list", `{}`, false},
			{"course staff, of the course", s, "extensions.detail", course, !locked},
			{"a token that only reads", readers, "extensions.detail", course, false},
		} {
			if got := shows(tt.ctx, tt.operation, tt.in); got != tt.want {
				t.Errorf("%s, locked %t: shown %t, want %t", tt.name, locked, got, tt.want)
			}
		}
	}
	if _, err := r.api.Serve(s, hostapi.HTTPDoor, "extensions.detail", []byte(`{"id":"acme.x"}`)); trellis.KindOf(err) != trellis.NotFound {
		t.Errorf("of the tenant: %v", err)
	}
}

// TestUsageAndFailures: what hooks do is counted, and what goes wrong is put
// together with what is alike.
func TestUsageAndFailures(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, s, pack(t, "acme.x", "1.0.0", nil, unreliable), here)
	r.enable(t, s, "acme.x", here, "")
	hooks := r.Filters(a, asked.Name(), here)
	for _, in := range []string{"{}", "more than ten bytes", "{}", "again more than ten bytes"} {
		_, _ = hooks[0].Call(trellis.WithTrace(a, trellis.Trace{ID: "trace-of-" + in[:1]}), extensions.Call{In: []byte(in)})
	}
	u, err := r.Usage(s, "acme.x", extensions.Scope{Course: here})
	must(t, err)
	if len(u.Hooks) != 1 || u.Hooks[0].Kind != "filter" || u.Hooks[0].Export != "check" || u.Step != 900 || u.Since.IsZero() {
		t.Fatalf("usage %+v", u)
	}
	var calls, errors, fuel uint64
	for _, b := range u.Hooks[0].Calls {
		calls, errors, fuel = calls+b.Calls, errors+b.Errors, fuel+b.Fuel
	}
	if calls != 4 || errors != 2 || fuel == 0 {
		t.Errorf("%d calls, %d errors, fuel %d", calls, errors, fuel)
	}
	list, err := r.Failures(s, "acme.x", extensions.Scope{Course: here})
	must(t, err)
	if len(list) != 1 || list[0].Count != 2 || list[0].Hook != "check" || strings.Join(list[0].Traces, " ") != "trace-of-a trace-of-m" || list[0].First.After(list[0].Last) {
		t.Errorf("failures %+v", list)
	}
	for _, tt := range []struct {
		query extensions.LogQuery
		want  int
	}{
		{extensions.LogQuery{Level: "error"}, 2}, {extensions.LogQuery{Trace: "trace-of-a"}, 1}, {extensions.LogQuery{Hook: "check", Level: "warn"}, 2}, {extensions.LogQuery{Hook: "other"}, 0},
	} {
		tt.query.ID, tt.query.Course = "acme.x", here
		lines, err := r.Logs(s, tt.query)
		must(t, err)
		if len(lines.Items) != tt.want {
			t.Errorf("%+v: %d lines, want %d", tt.query, len(lines.Items), tt.want)
		}
	}
	_, err = r.Logs(s, extensions.LogQuery{ID: "acme.x", Course: here, Level: "loud"})
	kind(t, "no level", err, trellis.Invalid, "debug, info, warn or error")
	_, err = r.Usage(s, "acme.x", extensions.Scope{})
	kind(t, "the tenant's", err, trellis.NotFound)
}

// TestRetry: what was left alone is called again at once, and what was suspended
// goes on; what was stopped by those who run the tenant does not.
func TestRetry(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	at := extensions.Scope{Course: here}
	r.install(t, s, pack(t, "acme.x", "1.0.0", nil, unreliable), here)
	r.enable(t, s, "acme.x", here, "")
	call := func(in string) error {
		_, err := r.Filters(a, asked.Name(), here)[0].Call(a, extensions.Call{In: []byte(in)})
		return err
	}
	for range 5 {
		_ = call("more than ten bytes")
	}
	kind(t, "left alone", call("{}"), trellis.Unavailable, "left alone")
	_, err := r.Retry(s, "acme.x", at)
	must(t, err)
	must(t, call("{}"))

	r.sql(t, a, `UPDATE installations SET state = 'suspended', reason = 'it failed', suspended = 1 WHERE extension = 'acme.x'`)
	_, err = r.SetSelfService(a, extensions.SelfService{Permissions: []string{"kv"}}) // which reads all anew
	must(t, err)
	d, err := r.Detail(s, "acme.x", at)
	must(t, err)
	if d.Suspended == nil {
		t.Error("it does not say since when it is suspended")
	}
	x, err := r.Retry(s, "acme.x", at)
	must(t, err)
	if x.State != "installed" || call("{}") != nil {
		t.Errorf("after trying again: %s", x.State)
	}
	_, err = r.Stop(a, extensions.Stopping{ID: "acme.x", Course: here})
	must(t, err)
	if x, err = r.Retry(s, "acme.x", at); err != nil || x.State != "stopped" {
		t.Errorf("course staff let go on what was stopped: %s (%v)", x.State, err)
	}
}

// TestInspect: a bundle is looked at as installing it would, and all that is wrong
// is said where it stands; nothing is installed.
func TestInspect(t *testing.T) {
	r := newRig(t, nil)
	s := staff(t, "a", here)
	at := extensions.Scope{Course: here}
	good := pack(t, "acme.x", "1.0.0", rich)
	for _, tt := range []struct {
		name string
		zip  []byte
		want []string // of the faults
	}{
		{"good", good, nil},
		{"no zip", []byte("hello"), []string{"not a zip file"}},
		{"hooks that are not there", pack(t, "acme.x", "1.0.0", map[string]any{"filters": []any{map[string]any{"on": "org.example.aksed.v1", "call": "chck"}}}), []string{"extension.json: filters[0].call", `did you mean "check"?`, "extension.json: filters[0].on"}},
	} {
		out, err := r.Inspect(s, tt.zip, at)
		must(t, err)
		raw, err := json.Marshal(out.Faults)
		must(t, err)
		said := strings.ReplaceAll(string(raw), `\"`, `"`)
		if (len(out.Faults) == 0) != (len(tt.want) == 0) {
			t.Errorf("%s: faults %s", tt.name, said)
		}
		for _, want := range tt.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %s does not say %s", tt.name, said, want)
			}
		}
	}
	out, err := r.Inspect(s, good, at)
	must(t, err)
	if out.ID != "acme.x" || out.Version != "1.0.0" || len(out.Digest) != 64 || out.Size != len(good) || out.Same || out.Running != "" || strings.Join(out.Beyond, " ") != "pii:name" {
		t.Errorf("inspection %+v", out)
	}
	if list := r.List(admin(t, "a"), nil); len(list) != 0 {
		t.Errorf("installed: %+v", list)
	}
	r.install(t, s, good, here)
	if out, err = r.Inspect(s, good, at); err != nil || !out.Same || len(out.Faults) != 0 {
		t.Errorf("the same again: %+v (%v)", out, err)
	}
	if out, err = r.Inspect(s, pack(t, "acme.x", "1.0.0", nil), at); err != nil || out.Same || len(out.Faults) != 1 || !strings.Contains(out.Faults[0].Message, "other contents") {
		t.Errorf("another of that version: %+v (%v)", out, err)
	}
	if out, err = r.Inspect(s, pack(t, "acme.x", "1.2.0", map[string]any{"permissions": []string{"courses:read"}}), at); err != nil || out.Diff == nil || len(out.Diff.New) != 1 {
		t.Errorf("a newer one: %+v (%v)", out.Diff, err)
	}
}

// TestFollow: a course that has decided otherwise follows its tenant again.
func TestFollow(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, a, pack(t, "acme.x", "1.0.0", names), "")
	r.enable(t, a, "acme.x", "", "", "*")
	_, err := r.Disable(s, "acme.x", here)
	must(t, err)
	if got := r.hooks(a, here); len(got) != 0 {
		t.Fatalf("off, but asked: %v", got)
	}
	x, err := r.Follow(s, "acme.x", here)
	must(t, err)
	if got := r.hooks(a, here); len(got) != 1 || len(x.Enabled) != 1 {
		t.Errorf("following: %v, %+v", got, x.Enabled)
	}
	_, err = r.Follow(s, "acme.x", "")
	kind(t, "no course", err, trellis.Invalid)
	r.install(t, s, pack(t, "acme.own", "1.0.0", nil), here)
	_, err = r.Follow(s, "acme.own", here)
	kind(t, "its own", err, trellis.Invalid)
}

// TestOwnSwitch: what was approved, whoever switched it off switches on again
// without a second approval; what somebody else switched off waits.
func TestOwnSwitch(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, s, pack(t, "acme.x", "1.0.0", names), here)
	r.enable(t, s, "acme.x", here, "", "*")
	_, err := r.Approve(a, "acme.x", here)
	must(t, err)
	_, err = r.Disable(s, "acme.x", here)
	must(t, err)
	if x := r.enable(t, s, "acme.x", here, "", "*"); at(t, x, here).State != "on" {
		t.Errorf("her own switch: %s", at(t, x, here).State)
	}
	_, err = r.Disable(a, "acme.x", here)
	must(t, err)
	if x := r.enable(t, s, "acme.x", here, "", "*"); at(t, x, here).State != "waiting" {
		t.Errorf("what the tenant's admin switched off: %s", at(t, x, here).State)
	}
}

// TestSeen: whoever says what they looked at changes nothing that is another by now.
func TestSeen(t *testing.T) {
	r := newRig(t, nil)
	s := staff(t, "a", here)
	r.install(t, s, pack(t, "acme.x", "1.0.0", rich), here)
	_, err := r.Enable(s, extensions.Enable{ID: "acme.x", Course: here, Grants: []string{}, Version: "0.9.0"})
	kind(t, "another version", err, trellis.Conflict, "look again")
	x := r.enable(t, s, "acme.x", here, `{"days":1}`)
	seen := at(t, x, here).Revision
	set := func(settings, seen string) error {
		_, err := r.api.Serve(s, "http", "extensions.configure", []byte(`{"id":"acme.x","course":"`+here+`","settings":`+settings+`,"seen":"`+seen+`"}`))
		return err
	}
	must(t, set(`{"days":2}`, seen))
	kind(t, "others", set(`{"days":3}`, seen), trellis.Conflict, "meanwhile")
	must(t, set(`{"days":3}`, ""))
	r.install(t, s, pack(t, "acme.x", "2.0.0", map[string]any{"permissions": []string{"kv", "users:read", "pii:name", "courses:read"}}), here)
	_, err = r.api.Serve(admin(t, "a"), "http", "extensions.consent", []byte(`{"id":"acme.x","course":"`+here+`","grants":[],"version":"3.0.0"}`))
	kind(t, "another version waits", err, trellis.Conflict, "look again")
}

// TestUsageOfADay: a node remembers what was done in the last day, and no longer.
func TestUsageOfADay(t *testing.T) {
	if testing.Short() {
		t.Skip("hours of the store's time, which take minutes with the race detector")
	}
	host := &lateHost{}
	rt, err := runtime.New(t.Context(), runtime.Config{Host: host}) // it measures the machine, which takes real time
	must(t, err)
	t.Cleanup(func() { must(t, rt.Close(context.Background())) })
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newRigOn(t, dir, rt, host, nil)
		a := admin(t, "a")
		r.install(t, a, pack(t, "acme.x", "1.0.0", nil), "")
		r.enable(t, a, "acme.x", "", "")
		calls := func() (list []uint64) {
			t.Helper()
			u, err := r.Usage(a, "acme.x", extensions.Scope{})
			must(t, err)
			for _, h := range u.Hooks {
				for _, b := range h.Calls {
					list = append(list, b.Calls)
				}
			}
			return list
		}
		ask := func() { _, err := r.call(a, here); must(t, err) }
		ask()
		ask()
		time.Sleep(15 * time.Minute)
		ask()
		if got := calls(); !slices.Equal(got, []uint64{2, 1}) {
			t.Errorf("after a quarter of an hour: %v", got)
		}
		time.Sleep(23*time.Hour + 45*time.Minute)
		ask()
		if got := calls(); !slices.Equal(got, []uint64{1, 1}) {
			t.Errorf("after a day: %v", got)
		}
	})
}
