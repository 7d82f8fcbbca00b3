package slots_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/internal/web"
)

const counted = "acme.live.counted"

// serve serves slots that are made otherwise than the platform's, and returns their
// address.
func (r *rig) serve(t testing.TB, cfg slots.Config) string {
	t.Helper()
	cfg.Auth = r.Learning
	if cfg.Calm == 0 {
		cfg.Calm = time.Millisecond
	}
	r.Slots = r.patient(t, cfg)
	w := web.New(web.Config{Authenticator: r.Learning, Tenants: r.Learning})
	must(t, w.Mount(r.Slots.Routes()...))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- r.Slots.Run(store.Platform(ctx), r.Bus) }()
	go func() { done <- w.Serve(ctx, l) }()
	t.Cleanup(func() { stop(); must(t, <-done); must(t, <-done) })
	return "http://" + l.Addr().String()
}

// message is one of a stream.
type message struct{ id, event, data string }

// follower is a client of a stream.
type follower struct {
	messages chan message
	stop     context.CancelFunc
}

// follow opens the stream of a page.
func follow(t testing.TB, base, token, query string) *follower {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", base+"/slots/live?"+query, nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	if res.StatusCode != 200 {
		t.Fatalf("the stream was answered with %d", res.StatusCode)
	}
	f := &follower{messages: make(chan message, 1000), stop: stop}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(f.messages)
		defer func() { _ = res.Body.Close() }()
		var m message
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
			case "id":
				m.id = value
			case "event":
				m.event = value
			case "data":
				m.data = value
			case "":
				if m != (message{}) {
					f.messages <- m
				}
				m = message{}
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	if first := <-f.messages; first.id == "" || first.event != "" {
		// The stream begins with where it stands; what was missed may come with it.
		f.messages <- first
	}
	return f
}

// next returns the next message that says something.
func (f *follower) next(t testing.TB) message {
	t.Helper()
	for {
		select {
		case m, ok := <-f.messages:
			if !ok {
				t.Fatal("the stream ended")
			}
			if m.event != "" {
				return m
			}
		case <-time.After(testkit.Patience):
			t.Fatal("no message came")
		}
	}
}

// stale waits for the next messages, which must be of these slots, in any order.
func (f *follower) stale(t testing.TB, what string, want ...string) {
	t.Helper()
	left := map[string]bool{}
	for _, w := range want {
		left[`{"slot":"`+w+`"}`] = true
	}
	for len(left) > 0 {
		m := f.next(t)
		if m.event != "stale" || !left[m.data] {
			t.Fatalf("%s: %+v, want %v", what, m, left)
		}
		delete(left, m.data)
	}
}

// emit lets something happen, and returns its position.
func (r *rig) emit(t testing.TB, tenant, typ, course string) uint64 {
	t.Helper()
	ctx := app.System(t.Context(), tenant)
	e := trellis.NewEvent(ctx, typ, "x", "", course, []byte(`{"secret":"told to nobody"}`))
	must(t, r.DB.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error { return tx.Emit(ctx, e) })))
	return r.DB.Log().Head()
}

// live adds extensions whose cards become stale: of all who look at the side column,
// and of staff above the content, upon another event, which marks the end of a test.
func (r *rig) live(t testing.TB) {
	t.Helper()
	r.add(t, "acme.live", "", guest{"card": says("card")}, line{"call": "card", "refresh_on": []string{"acme.live.*"}})
	r.add(t, "acme.mark", "", guest{"card": says("card")}, line{"slot": above, "call": "card", "refresh_on": []string{"acme.mark.end"}})
}

func (r *rig) end(t testing.TB) { r.emit(t, "acme", "acme.mark.end", "") }

func query(course string, slots ...string) string {
	return url.Values{"course": {course}, "slot": slots}.Encode()
}

// TestLive: a page is told which of its slots are stale, by events of its course and
// of none; and nothing else.
func TestLive(t *testing.T) {
	r := newRig(t, app.Config{})
	base := r.serve(t, slots.Config{})
	r.live(t)
	r.add(t, "acme.staff", "", guest{"card": says("card")}, line{"call": "card", "refresh_on": []string{"acme.staff.*"}, "when": line{"roles": []string{"staff"}}})
	r.add(t, "acme.there", there, guest{"card": says("card")}, line{"call": "card", "refresh_on": []string{"acme.there.*"}})
	r.Tenant(t, "beta")
	f := follow(t, base, r.token, query(here, side, above))
	for _, tt := range []struct {
		name, tenant, typ, course string
		stale                     bool
	}{
		{"of the course", "acme", counted, here, true},
		{"of no course", "acme", counted, "", true},
		{"of another course", "acme", counted, there, false},
		{"of another tenant", "beta", counted, here, false},
		{"of another kind", "acme", "acme.other.counted", here, false},
		{"of what is shown to others", "acme", "acme.staff.counted", here, false},
		{"of what is enabled elsewhere", "acme", "acme.there.counted", here, false},
		{"of the course again", "acme", counted, here, true},
	} {
		r.emit(t, tt.tenant, tt.typ, tt.course)
		if tt.stale {
			f.stale(t, tt.name, side)
		}
		r.end(t)
		f.stale(t, tt.name, above)
	}
	tenant := follow(t, base, r.token, url.Values{"slot": {"courses.banner.v1"}}.Encode())
	r.add(t, "acme.banner", "", guest{"card": says("card")}, line{"slot": "courses.banner.v1", "call": "card", "refresh_on": []string{"acme.banner.*"}})
	tenant.stale(t, "another extension", "courses.banner.v1")
	r.emit(t, "acme", "acme.banner.x", there)
	tenant.stale(t, "a page of no course", "courses.banner.v1")
}

// TestLiveChanges: what is switched on, off or changed makes the slots stale that it
// takes part in, on the pages that show them.
func TestLiveChanges(t *testing.T) {
	r := newRig(t, app.Config{})
	base := r.serve(t, slots.Config{})
	r.live(t)
	f := follow(t, base, r.token, query(here, side, above))
	for _, tt := range []struct {
		name   string
		change func()
		stale  bool
	}{
		{"switched off", func() {
			_, err := r.Registry.Disable(r.ctx, "acme.live", "")
			must(t, err)
		}, true},
		{"switched on", func() {
			_, err := r.Registry.Enable(r.ctx, extensions.Enable{ID: "acme.live", Grants: []string{}})
			must(t, err)
		}, true},
		{"switched on elsewhere", func() {
			_, err := r.Registry.Enable(r.ctx, extensions.Enable{ID: "acme.live", Course: there, Grants: []string{}})
			must(t, err)
		}, false},
		{"set", func() {
			_, err := r.Registry.Set(r.ctx, "acme.live", "", []byte(`{}`))
			must(t, err)
		}, true},
		{"switched off in the course", func() {
			_, err := r.Registry.Enable(r.ctx, extensions.Enable{ID: "acme.live", Course: here, Grants: []string{}})
			must(t, err)
			f.stale(t, "enabled here", side)
			_, err = r.Registry.Disable(r.ctx, "acme.live", here)
			must(t, err)
		}, true},
		{"switched on in the course", func() {
			_, err := r.Registry.Enable(r.ctx, extensions.Enable{ID: "acme.live", Course: here, Grants: []string{}})
			must(t, err)
		}, true},
		{"something else", func() {
			r.add(t, "acme.else", "", guest{"card": says("card")}, line{"slot": "account.main.v1", "call": "card"})
		}, false},
		{"hidden by another", func() { r.add(t, "acme.hider", "", nil, line{"op": "hide", "target": "acme.live"}) }, true},
		{"suspended", func() { suspend(t, r, "acme.hider") }, true},
		{"removed", func() { must(t, r.Registry.Uninstall(r.ctx, "acme.live", extensions.Scope{})) }, true},
	} {
		tt.change()
		if tt.stale {
			f.stale(t, tt.name, side)
		}
		r.end(t)
		f.stale(t, tt.name, above)
	}
}

// TestLiveResumes: who comes back is told once what was missed, and not what was
// not.
func TestLiveResumes(t *testing.T) {
	r := newRig(t, app.Config{})
	base := r.serve(t, slots.Config{})
	r.live(t)
	after := func(live string) string {
		u, err := url.Parse(live)
		must(t, err)
		if u.Path != "/t/acme/slots/live" || u.Query().Get("course") != here {
			t.Errorf("the address %s", live)
		}
		return u.RawQuery
	}
	address := func() string { return after(r.Slots.Live(r.learner, page(here), side, above)) }
	heard := func() { // the node has heard of all that happened
		f := follow(t, base, r.token, query(here, above))
		r.end(t)
		f.stale(t, "the end", above)
		f.stop()
	}

	heard()
	made := address()
	f := follow(t, base, r.token, made)
	r.emit(t, "acme", counted, here)
	f.stale(t, "nothing missed", side)

	r.emit(t, "acme", counted, here)
	r.emit(t, "acme", counted, there)
	last := f.next(t)
	f.stop()
	f = follow(t, base, r.token, query(here, side, above)+"&after="+last.id)
	r.end(t)
	f.stale(t, "nothing missed since the last message", above)
	f.stop()

	made = address()
	r.emit(t, "acme", counted, here)
	heard()
	follow(t, base, r.token, made).stale(t, "an event missed, and the mark of the end", side, above)

	heard()
	made = address()
	r.add(t, "acme.new", "", guest{"card": says("card")}, line{"call": "card"})
	follow(t, base, r.token, made).stale(t, "a change missed", side, above)

	follow(t, base, r.token, query(here, side)+"&after=1").stale(t, "what nobody remembers", side)
}

// TestLiveIsCalm: however much happens, each slot is named at once and then seldom.
func TestLiveIsCalm(t *testing.T) {
	r := newRig(t, app.Config{})
	const calm = 200 * time.Millisecond
	base := r.serve(t, slots.Config{Calm: calm})
	r.live(t)
	f := follow(t, base, r.token, query(here, side))
	began := time.Now()
	var last uint64
	for range 300 {
		last = r.emit(t, "acme", counted, here)
	}
	for n := 1; ; n++ {
		m := <-f.messages
		position, _, _ := strings.Cut(m.id, "-")
		if at, _ := strconv.ParseUint(position, 10, 64); at >= last {
			if most := 2*int(time.Since(began)/calm) + 4; n > most { // an ID may come alone
				t.Errorf("%d messages in %v", n, time.Since(began))
			}
			return
		}
	}
}

// TestLiveEnds: who is no longer let in is told so, and who loses a role is told that
// everything may look different.
func TestLiveEnds(t *testing.T) {
	r := newRig(t, app.Config{})
	base := r.serve(t, slots.Config{Recheck: 10 * time.Millisecond, Heartbeat: 10 * time.Millisecond})
	r.live(t)
	id, token := r.Person(t, r.ctx, "theo", learning.Assign{Role: trellis.RoleStaff, Course: here})
	f := follow(t, base, token, query(here, side, above))
	_, err := r.Learning.RemoveRole(r.ctx, learning.Assign{Person: id, Role: trellis.RoleStaff, Course: here})
	must(t, err)
	f.stale(t, "a role less", side, above)
	must(t, r.Learning.Erase(r.ctx, id))
	for m := f.next(t); m.event != "denied"; m = f.next(t) {
	}
	if _, more := <-f.messages; more {
		t.Error("the stream goes on")
	}
}

// TestLiveEndsWithTheSession: who signs out on this node is told at once.
func TestLiveEndsWithTheSession(t *testing.T) {
	r := newRig(t, app.Config{})
	base := r.serve(t, slots.Config{Recheck: time.Hour, Heartbeat: time.Hour})
	r.live(t)
	id, _ := r.Person(t, r.ctx, "theo")
	must(t, r.Learning.SetPassword(r.ctx, id, "correct horse"))
	session, err := r.Learning.Login(r.ctx, learning.Login{Username: "theo", Password: "correct horse"})
	must(t, err)
	f := follow(t, base, session.Key, query(here, side))
	must(t, r.Learning.Logout(t.Context(), session.Key))
	for m := f.next(t); m.event != "denied"; m = f.next(t) {
	}
	if _, more := <-f.messages; more {
		t.Error("the stream goes on")
	}
}

// TestLiveRefuses: what is no page of this person's is not followed, and streams are
// bounded.
func TestLiveRefuses(t *testing.T) {
	r := newRig(t, app.Config{})
	base := r.serve(t, slots.Config{PerActor: 2, PerNode: 3})
	status := func(token, path string) int {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", base+path, nil)
		must(t, err)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(req)
		must(t, err)
		_ = res.Body.Close()
		return res.StatusCode
	}
	beta := r.Tenant(t, "beta")
	_, foreign := r.Person(t, beta, "bo")
	service, err := r.Learning.CreateToken(r.ctx, learning.CreateToken{Name: "robot", Roles: []trellis.Role{{Name: trellis.RoleStaff, Course: there}}})
	must(t, err)
	for _, tt := range []struct {
		name, token, path string
		want              int
	}{
		{"nobody", "", "/slots/live?slot=" + side, 401},
		{"a place of the console", r.token, "/slots/live?slot=console.main.v1", 404},
		{"a place of the course team's", r.token, "/slots/live?slot=" + side + "&slot=extensions.course.v1&course=" + url.QueryEscape(here), 404},
		{"no slot", r.token, "/slots/live", 400},
		{"an unknown slot", r.token, "/slots/live?slot=course.sidebar.v9", 400},
		{"an unknown parameter", r.token, "/slots/live?type=x&slot=" + side, 400},
		{"a course twice", r.token, "/slots/live?course=a&course=b&slot=" + side, 400},
		{"no course key", r.token, "/slots/live?course=x&slot=" + side, 400},
		{"no position", r.token, "/slots/live?after=x&slot=" + side, 400},
		{"another tenant's", foreign, "/t/acme/slots/live?slot=" + side, 404},
		{"a course that the token does not reach", service.Key, "/slots/live?slot=" + side + "&course=" + url.QueryEscape(here), 404},
	} {
		if got := status(tt.token, tt.path); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	q := query(here, side)
	one, two := follow(t, base, r.token, q), follow(t, base, r.token, q)
	if got := status(r.token, "/slots/live?"+q); got != 429 {
		t.Errorf("a third of one person: %d", got)
	}
	_, sam := r.Person(t, r.ctx, "sue")
	_ = follow(t, base, sam, q)
	if got := status(foreign, "/slots/live?slot="+side); got != 429 {
		t.Errorf("a fourth of the node: %d", got)
	}
	one.stop()
	two.stop()
	testkit.Eventually(t, "the places to be free again", func() bool { return status(r.token, "/slots/live?"+q) == 200 })
}

// TestLiveOnTwoNodes: an event and a switch reach the pages of every node.
func TestLiveOnTwoNodes(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	must(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	dir := t.TempDir()
	r := newRig(t, app.Config{Dir: dir, Node: "one", NATS: s.ClientURL()})
	second, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "trellis.db")})
	must(t, err)
	t.Cleanup(func() { _ = second.Close() })
	two := testkit.Start(t, app.Config{Dir: dir, Node: "two", DB: second, NATS: s.ClientURL()})
	r.live(t)
	testkit.Eventually(t, "the second node to know it", func() bool { return len(two.Registry.Slots(r.ctx, side, here)) == 1 })
	for name, base := range map[string]string{"one": r.URL, "two": two.URL} {
		f := follow(t, base, r.token, query(here, side))
		r.emit(t, "acme", counted, here)
		f.stale(t, "an event on node "+name, side)
		_, err = r.Registry.Disable(r.ctx, "acme.live", "")
		must(t, err)
		f.stale(t, "switched off on node "+name, side)
		_, err = r.Registry.Enable(r.ctx, extensions.Enable{ID: "acme.live", Grants: []string{}})
		must(t, err)
		f.stale(t, "switched on on node "+name, side)
		f.stop()
	}
}
