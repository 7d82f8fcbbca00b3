package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// densePositions: 64 write at once, and many of them fail.
func densePositions(t *testing.T, db *store.DB) {
	var wg sync.WaitGroup
	var want atomic.Int64
	var last [64][]string // IDs of the events of each writer, in their order
	for w := range 64 {
		wg.Go(func() {
			for i := range 10 {
				ids := []string{fmt.Sprintf("%d-%d-a", w, i), fmt.Sprintf("%d-%d-b", w, i)}
				changes := []store.Change{emit(ids[0]), emit(ids[1])}
				if rand.IntN(3) == 0 {
					changes = append(changes, fail(errors.New("no")))
				}
				if db.Write(As(t.Context(), "demo"), changes...) == nil {
					want.Add(2)
					last[w] = append(last[w], ids...)
				}
			}
		})
	}
	wg.Wait()
	n := int(want.Load())
	ctx, cancel := context.WithTimeout(store.Platform(t.Context()), 20*time.Second)
	defer cancel()
	must(t, db.Log().Wait(ctx, uint64(n-1)))
	var all []trellis.Event
	for after := uint64(0); ; {
		events, err := db.Log().Read(ctx, after, 37)
		must(t, err)
		if len(events) == 0 {
			break
		}
		all = append(all, events...)
		after = events[len(events)-1].Position
	}
	if len(all) != n || db.Log().Head() != uint64(n) {
		t.Fatalf("%d events and a head of %d, want %d", len(all), db.Log().Head(), n)
	}
	seen := map[string]int{}
	for i, e := range all {
		if e.Position != uint64(i+1) {
			t.Fatalf("event %d has position %d", i, e.Position)
		}
		seen[e.ID] = i + 1
	}
	for w, ids := range last {
		for i, id := range ids {
			if seen[id] == 0 || i > 0 && seen[id] < seen[ids[i-1]] {
				t.Errorf("event %s of writer %d has position %d", id, w, seen[id])
			}
		}
	}
	found, err := db.Log().Find(As(ctx, "demo"), 0, n, "", "", "")
	must(t, err)
	for i := range found { // what memory says is what the database says
		if !same(found[i], all[i]) || found[i].Position != all[i].Position {
			t.Fatalf("event %d: %+v in memory, %+v in the database", i, all[i], found[i])
		}
	}
}

// same reports whether a and b are the same but for their positions.
func same(a, b trellis.Event) bool {
	if !a.Time.Equal(b.Time) || !bytes.Equal(a.Data, b.Data) {
		return false
	}
	for _, e := range []*trellis.Event{&a, &b} {
		e.Position, e.Time, e.Data = 0, time.Time{}, nil
	}
	return fmt.Sprint(a) == fmt.Sprint(b)
}

func repeatedEvent(t *testing.T, db *store.DB) {
	must(t, db.Write(As(t.Context(), "demo"), emit("x"), emit("x"), emit("y")))
	must(t, db.Write(As(t.Context(), "demo"), emit("y"), emit("z")))
	events := eventually(t, db, 3)
	if events[0].ID != "x" || events[1].ID != "y" || events[2].ID != "z" {
		t.Errorf("events %v", events)
	}
	e, err := db.Log().Event(As(t.Context(), "demo"), "y")
	if err != nil || e.Position != 2 {
		t.Errorf("event y: %+v, %v", e, err)
	}
	if _, err := db.Log().Event(As(t.Context(), "other"), "y"); trellis.KindOf(err) != trellis.NotFound {
		t.Errorf("an event of another tenant: %v", err)
	}
}

func eventsChecked(t *testing.T, db *store.DB) {
	write := func(ctx context.Context, alter func(*trellis.Event)) error {
		return db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			e := trellis.NewEvent(ctx, "org.example.thing.made.v1", "", "", "", json.RawMessage(`{}`))
			alter(&e)
			return tx.Emit(ctx, e)
		}))
	}
	demo := As(t.Context(), "demo")
	for _, tt := range []struct {
		name  string
		alter func(*trellis.Event)
		want  trellis.Kind
	}{
		{"another tenant", func(e *trellis.Event) { e.Tenant = "other" }, trellis.Denied},
		{"no tenant", func(e *trellis.Event) { e.Tenant = "" }, trellis.Invalid},
		{"no ID", func(e *trellis.Event) { e.ID = "" }, trellis.Invalid},
		{"no type", func(e *trellis.Event) { e.Type = "" }, trellis.Invalid},
		{"strange type", func(e *trellis.Event) { e.Type = "Org.Example" }, trellis.Invalid},
		{"not JSON", func(e *trellis.Event) { e.Data = json.RawMessage(`{"a":}`) }, trellis.Invalid},
		{"not UTF-8", func(e *trellis.Event) { e.Data = json.RawMessage("\"\xff\"") }, trellis.Invalid},
		{"much data", func(e *trellis.Event) { e.Data = json.RawMessage(`"` + strings.Repeat("x", 256<<10) + `"`) }, trellis.Exhausted},
		{"long subject", func(e *trellis.Event) { e.Subject = strings.Repeat("x", 5000) }, trellis.Invalid},
		{"zero in the key", func(e *trellis.Event) { e.Key = "a\x00b" }, trellis.Invalid},
	} {
		if err := write(demo, tt.alter); trellis.KindOf(err) != tt.want {
			t.Errorf("%s: err = %v, want %s", tt.name, err, tt.want)
		}
	}
	if err := write(t.Context(), func(*trellis.Event) {}); trellis.KindOf(err) != trellis.Invalid {
		t.Errorf("nobody's event: %v", err)
	}
	must(t, write(store.Platform(demo), func(e *trellis.Event) { e.Tenant = "other" }))
	must(t, write(demo, func(e *trellis.Event) { e.Data = json.RawMessage(`"` + strings.Repeat("x", 256<<10-2) + `"`) }))
	if got := eventually(t, db, 2); got[0].Tenant != "other" || len(got[1].Data) != 256<<10 {
		t.Errorf("events of %s with %d bytes", got[0].Tenant, len(got[1].Data))
	}
	if _, err := db.Log().Read(demo, 0, 1); trellis.KindOf(err) != trellis.Denied {
		t.Errorf("the whole log read by a tenant: %v", err)
	}
	if _, err := db.Log().Trim(demo, 1); trellis.KindOf(err) != trellis.Denied {
		t.Errorf("the whole log trimmed by a tenant: %v", err)
	}
	if _, err := db.Log().Read(store.Platform(demo), 0, 0); trellis.KindOf(err) != trellis.Invalid {
		t.Errorf("no events read: %v", err)
	}
	if _, err := store.Tenant(t.Context()); trellis.KindOf(err) != trellis.Denied {
		t.Errorf("nobody has a tenant: %v", err)
	}
	if err := db.Read(demo, func(tx *store.Tx) error {
		return tx.Emit(demo, trellis.NewEvent(demo, "org.example.thing.made.v1", "", "", "", nil))
	}); trellis.KindOf(err) != trellis.Internal {
		t.Errorf("an event of a read: %v", err)
	}
}

// eventsKept: every field comes back, the data byte for byte, whatever becomes of
// the memory that they came from.
func eventsKept(t *testing.T, db *store.DB) {
	data := []byte(` {"b":1, "a":"<&\u2028 \u0000ä"} `)
	want := trellis.Event{
		ID: trellis.NewID(), Source: "extension:x", Type: "org.example.thing.made.v1", Subject: "s", Tenant: "demo", Actor: "person:7",
		Person: "p", Course: "course-v1:a+b+c", Key: "k", Trace: trellis.NewTraceID(), Cause: trellis.NewID(), Hops: 3,
		Time: time.Date(2031, 2, 3, 4, 5, 6, 789_123_456, time.FixedZone("x", 3600)), Data: bytes.Clone(data), Position: 77,
	}
	must(t, db.Write(As(t.Context(), "demo"), store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		e := want
		e.Data = data
		return tx.Emit(ctx, e)
	})))
	clear(data)
	got := eventually(t, db, 1)[0]
	stored, err := db.Log().Event(As(t.Context(), "demo"), want.ID)
	must(t, err)
	want.Time = want.Time.Truncate(time.Microsecond).UTC()
	if !same(got, want) || !same(stored, want) || got.Position != 1 || stored.Position != 1 {
		t.Errorf("got  %+v\nand  %+v\nwant %+v", got, stored, want)
	}
}

func logWaits(t *testing.T, db *store.DB) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := db.Log().Wait(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
	woken := make(chan error)
	go func() { woken <- db.Log().Wait(t.Context(), 0) }()
	must(t, db.Write(As(t.Context(), "demo"), emit("x")))
	must(t, <-woken)
}

func logTrimmed(t *testing.T, db *store.DB) {
	for i := range 10 {
		must(t, db.Write(As(t.Context(), "demo"), emit(fmt.Sprint(i))))
	}
	eventually(t, db, 10)
	ctx := store.Platform(t.Context())
	n, err := db.Log().Trim(ctx, 6)
	if err != nil || n != 5 {
		t.Fatalf("trimmed %d, %v", n, err)
	}
	if _, err := db.Log().Read(ctx, 2, 10); !errors.Is(err, store.ErrTrimmed) {
		t.Errorf("err = %v", err)
	}
	events, err := db.Log().Read(ctx, 5, 10)
	if err != nil || len(events) != 5 || events[0].Position != 6 {
		t.Errorf("events %v, %v", events, err)
	}
	if oldest, err := db.Log().Oldest(ctx); err != nil || oldest != 6 {
		t.Errorf("oldest = %d, %v", oldest, err)
	}
	if _, err := db.Log().Trim(ctx, 100); err != nil {
		t.Fatal(err)
	}
	must(t, db.Write(As(t.Context(), "demo"), emit("next")))
	must(t, db.Log().Wait(ctx, 10))
	if events, err := db.Log().Read(ctx, 10, 10); err != nil || len(events) != 1 || events[0].Position != 11 {
		t.Errorf("after the log was emptied: %v, %v", events, err)
	}
}

// logTimes: where a reader begins that knows a time only.
func logTimes(t *testing.T, db *store.DB) {
	ctx := As(t.Context(), "demo")
	start := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 10 {
		must(t, db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			e := trellis.NewEvent(ctx, "org.example.thing.made.v1", "", "", "", nil)
			e.Time = start.Add(time.Duration(i+1) * time.Hour)
			return tx.Emit(ctx, e)
		})))
	}
	eventually(t, db, 10)
	check := func(hours time.Duration, want uint64) {
		t.Helper()
		if got, err := db.Log().Before(ctx, start.Add(hours*time.Hour)); err != nil || got != want {
			t.Errorf("before hour %d: %d, %v, want %d", hours, got, err, want)
		}
	}
	check(-1, 0)
	check(1, 0)
	check(2, 1)
	check(7, 6)
	check(100, 10)
	_, err := db.Log().Trim(store.Platform(ctx), 5)
	must(t, err)
	check(-1, 4)
	check(7, 6)
	_, err = db.Log().Trim(store.Platform(ctx), 100)
	must(t, err)
	check(7, 10)
}

func logFind(t *testing.T, db *store.DB) {
	add := func(tenant, typ, person, course string) {
		must(t, db.Write(As(t.Context(), tenant), store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			return tx.Emit(ctx, trellis.NewEvent(ctx, typ, "", person, course, nil))
		})))
	}
	add("demo", "org.example.a.v1", "ada", "c1")
	add("other", "org.example.a.v1", "ada", "c1")
	add("demo", "org.example.b.v1", "ada", "c2")
	add("demo", "org.example.a.v1", "bob", "c2")
	eventually(t, db, 4)
	for _, tt := range []struct {
		tenant              string
		after               uint64
		limit               int
		typ, person, course string
		want                string
	}{
		{"demo", 0, 10, "", "", "", "[1 3 4]"},
		{"demo", 1, 10, "", "", "", "[3 4]"},
		{"demo", 0, 2, "", "", "", "[1 3]"},
		{"demo", 0, 10, "org.example.a.v1", "", "", "[1 4]"},
		{"demo", 0, 10, "", "ada", "", "[1 3]"},
		{"demo", 0, 10, "", "ada", "c2", "[3]"},
		{"other", 0, 10, "", "", "", "[2]"},
		{"third", 0, 10, "", "", "", "[]"},
	} {
		events, err := db.Log().Find(As(t.Context(), tt.tenant), tt.after, tt.limit, tt.typ, tt.person, tt.course)
		must(t, err)
		got := []uint64{}
		for _, e := range events {
			got = append(got, e.Position)
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
	if _, err := db.Log().Find(t.Context(), 0, 10, "", "", ""); trellis.KindOf(err) != trellis.Denied {
		t.Errorf("found by nobody: %v", err)
	}
}

// twoHandles: two nodes write at once, and each reads everything in one order.
func twoHandles(t *testing.T, open opener) {
	path := filepath.Join(t.TempDir(), "trellis.db")
	nodes := []*store.DB{open(t, store.Config{Path: path}), open(t, store.Config{Path: path})}
	const each = 120
	ctx, cancel := context.WithTimeout(store.Platform(As(t.Context(), "demo")), 30*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	var seen [2][]string
	for i, db := range nodes {
		for w := range 4 {
			wg.Go(func() {
				for k := range each / 4 {
					if err := db.Write(ctx, emit(fmt.Sprintf("%d-%d-%d", i, w, k))); err != nil {
						t.Errorf("node %d: %v", i, err)
					}
				}
			})
		}
		wg.Go(func() {
			for after := uint64(0); after < 2*each; {
				if err := db.Log().Wait(ctx, after); err != nil {
					t.Errorf("node %d waits after %d: %v", i, after, err)
					return
				}
				events, err := db.Log().Read(ctx, after, 50)
				if err != nil {
					t.Errorf("node %d reads after %d: %v", i, after, err)
					return
				}
				for _, e := range events {
					if after++; e.Position != after {
						t.Errorf("node %d: position %d, want %d", i, e.Position, after)
					}
					seen[i] = append(seen[i], e.ID)
				}
			}
		})
	}
	wg.Wait()
	if fmt.Sprint(seen[0]) != fmt.Sprint(seen[1]) || len(seen[0]) != 2*each {
		t.Errorf("the nodes saw %d and %d events, not the same %d", len(seen[0]), len(seen[1]), 2*each)
	}
	nodes[1].Log().Wake() // says nothing new, and blocks nobody
	nodes[1].Log().Wake()
}
