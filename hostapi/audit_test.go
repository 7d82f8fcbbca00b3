package hostapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

var addInGo = fmt.Appendf(nil, `{"course":%q,"person":"ada"}`, goCourse)

// audited returns what the audit log of the tenant demo says, oldest first.
func audited(t *testing.T, db *store.DB) []store.Entry {
	t.Helper()
	entries, err := db.AuditLog(as(t, admin), store.AuditQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for i, j := 0, len(entries)-1; i < j; i, j = i+1, j-1 {
		entries[i], entries[j] = entries[j], entries[i]
	}
	return entries
}

func line(e store.Entry) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s [%s] %s %s %s %s %s", e.Outcome, e.Operation, e.Permission, e.Target, e.Door, e.Actor, e.OnBehalfOf, e.Installation, e.Detail))
}

func TestAudit(t *testing.T) {
	b := &notebook{db: openDB(t)}
	api := newAPI(t, b, hostapi.Quotas{})
	trace := trellis.Trace{ID: trellis.NewTraceID()}
	steps := []struct {
		name string
		do   func() error
		kind trellis.Kind
		want string // "" for no line
	}{
		{"a write", func() error {
			_, err := api.Serve(trellis.WithTrace(as(t, admin), trace), hostapi.HTTPDoor, "notes.add", addInGo)
			return err
		}, "", "ok notes.add grades:write [" + goCourse + " ada] http person:root"},
		{"a write of an extension", func() error {
			_, err := api.Call(extension(as(t, robot), "grades:write"), "notes.add", addInGo)
			return err
		}, "", "ok notes.add grades:write [" + goCourse + ` ada] guest extension:inst person:ada inst {"hook":"welcome"}`},
		{"a write that fails", func() error {
			b.fail = trellis.Errorf(trellis.Conflict, "not now")
			_, err := api.Serve(as(t, admin), hostapi.HTTPDoor, "notes.add", addInGo)
			return err
		}, trellis.Conflict, ""},
		{"a read", func() error {
			_, err := api.Serve(as(t, admin), hostapi.HTTPDoor, "notes.get", addInGo)
			return err
		}, "", ""},
		{"denied", func() error {
			_, err := api.Serve(as(t, learner), hostapi.HTTPDoor, "notes.add", addInGo)
			return err
		}, trellis.Denied, "denied notes.add grades:write [" + goCourse + " ada] http person:ada"},
		{"not found", func() error {
			_, err := api.Serve(as(t, staff), hostapi.HTTPDoor, "notes.get", []byte(`{"course":"elsewhere"}`))
			return err
		}, trellis.NotFound, "denied notes.get grades:read [elsewhere] http person:grace"},
		{"invalid", func() error {
			_, err := api.Serve(as(t, learner), hostapi.HTTPDoor, "notes.add", []byte(`{`))
			return err
		}, trellis.Invalid, ""},
		{"a route", func() error {
			return b.db.Write(api.Audited(as(t, admin), "notes.upload", goCourse), store.ChangeFunc(func(context.Context, *store.Tx) error { return nil }))
		}, "", "ok notes.upload  [" + goCourse + "] http person:root"},
	}
	known := 0
	for _, s := range steps {
		if err := s.do(); trellis.KindOf(err) != s.kind {
			t.Fatalf("%s: %v, want %q", s.name, err, s.kind)
		}
		entries := audited(t, b.db)
		var got []string
		for _, e := range entries[known:] {
			got = append(got, line(e))
		}
		known = len(entries)
		if strings.Join(got, "\n") != s.want {
			t.Errorf("%s:\n got %s\nwant %s", s.name, strings.Join(got, "\n"), s.want)
		}
	}
	if got := audited(t, b.db)[0].Trace; got != trace.ID {
		t.Errorf("trace %q, want %q", got, trace.ID)
	}
}

// A filter that is denied something is recorded while the entry of the write that
// it decides about still waits: the one must not take the other with it.
func TestAuditOfWhatFiltersDo(t *testing.T) {
	b := &notebook{db: openDB(t)}
	api := newAPI(t, b, hostapi.Quotas{})
	b.ask = func(ctx context.Context) error {
		filter := hostapi.WithCaller(ctx, hostapi.Caller{
			Installation: "inst", Hook: "check", Filter: true,
			Grants: []hostapi.Grant{{Permission: "grades:read"}, {Permission: "grades:write"}, {Permission: "pii:email"}},
		})
		if _, err := api.Call(filter, "notes.add", addInGo); trellis.KindOf(err) != trellis.Denied {
			t.Errorf("a filter writes: %v", err)
		}
		if _, err := api.Call(filter, "notes.get", addInGo); err != nil {
			t.Error(err)
		}
		return errRefused
	}
	if _, err := api.Serve(as(t, admin), hostapi.HTTPDoor, "notes.add", addInGo); !errors.Is(err, errRefused) {
		t.Fatalf("error %v", err)
	}
	for _, e := range audited(t, b.db) {
		if e.Operation == "notes.add" && e.Outcome != "denied" {
			t.Errorf("what was refused is recorded as done: %s", line(e))
		}
	}
	if got := len(audited(t, b.db)); got != 2 {
		t.Errorf("%d entries, want the denied write and the personal read", got)
	}
}

// listener is an auditor that keeps what it is told.
type listener struct {
	entries []store.Entry
	fail    error
	ended   bool // whether a context had ended already
}

func (l *listener) Audit(ctx context.Context, e store.Entry) error {
	l.ended = l.ended || ctx.Err() != nil
	if l.fail != nil {
		return l.fail
	}
	l.entries = append(l.entries, e)
	return nil
}

func TestPersonalReadsAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &listener{fail: errRefused}
		api, err := hostapi.New(hostapi.Config{Operations: (&notebook{}).operations(), Auditor: l})
		if err != nil {
			t.Fatal(err)
		}
		guest := extension(as(t, robot), "grades:read", "pii:email", "pii:name")
		steps := []struct {
			name, operation, person string
			wait                    time.Duration
			want                    string
		}{
			{"the first, and the log is full", "notes.get", "ada", 0, ""},
			{"the first", "notes.get", "ada", 0, "pii:email of ada, pii:name of ada"},
			{"again", "notes.get", "ada", 0, ""},
			{"of another", "notes.get", "bob", 0, "pii:email of bob, pii:name of bob"},
			{"of several", "notes.list", "", 0, "pii:email of , pii:name of "},
			{"an hour later", "notes.get", "ada", time.Hour, "pii:email of ada, pii:name of ada"},
		}
		for i, s := range steps {
			time.Sleep(s.wait) // the bubble's time
			l.entries = nil
			ctx, cancel := context.WithCancel(guest)
			if _, err := api.Call(ctx, s.operation, fmt.Appendf(nil, `{"course":%q,"person":%q}`, goCourse, s.person)); err != nil {
				t.Fatal(err)
			}
			cancel()
			if i == 0 {
				l.fail = nil
			}
			seen := map[string]bool{}
			for _, e := range l.entries {
				seen[e.Permission+" of "+e.Target] = true
				if e.Operation != "personal.read" || e.Installation != "inst" || e.Tenant != "demo" || !json.Valid(e.Detail) {
					t.Errorf("%s: entry %s", s.name, line(e))
				}
			}
			for _, w := range strings.Split(s.want, ", ") {
				if w != "" && !seen[w] {
					t.Errorf("%s: %s is not recorded", s.name, w)
				}
				delete(seen, w)
			}
			if len(seen) > 0 {
				t.Errorf("%s: also recorded: %v", s.name, seen)
			}
		}
		l.entries = nil
		done, cancel := context.WithCancel(as(t, robot))
		cancel()
		api.PersonalRead(done, hostapi.Caller{Installation: "inst", Hook: "other"}, "ada", "name")
		if len(l.entries) != 1 || l.ended {
			t.Errorf("a reader that went away is not recorded: %v, ended %v", l.entries, l.ended)
		}
	})
}

func TestDeniedCallsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &listener{}
		api, err := hostapi.New(hostapi.Config{Operations: (&notebook{}).operations(), Auditor: l})
		if err != nil {
			t.Fatal(err)
		}
		huge := fmt.Appendf(nil, `{"course":%q}`, strings.Repeat("é", 10_000))
		for range 1000 {
			_, _ = api.Serve(as(t, learner), hostapi.HTTPDoor, "notes.add", huge)
		}
		if got := len(l.entries); got == 0 || got > 20 {
			t.Errorf("%d entries of 1000 denied calls", got)
		}
		for _, e := range l.entries {
			if len(e.Target) > 600 {
				t.Fatalf("a target of %d bytes", len(e.Target))
			}
		}
	})
}
