//go:build !wasip1

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/hostapi/guest"
)

// keeper keeps notes and events as the platform does. Before each write it may do
// something else, as another delivery would.
type keeper struct {
	notes  map[string]guest.Note
	events []string
	calls  int
	before func(operation, key string) error
}

func (k *keeper) answer(operation string, in []byte) ([]byte, error) {
	var q struct {
		Key, Prefix, After, Type, Course string
		Value                            json.RawMessage
		IfVersion                        *int64 `json:"if_version"`
		Limit                            int
		Person                           string
		Data                             any
	}
	if err := json.Unmarshal(in, &q); err != nil {
		return nil, err
	}
	k.calls++
	if k.before != nil {
		if err := k.before(operation, q.Key); err != nil {
			return nil, err
		}
	}
	switch operation {
	case "kv.get":
		return json.Marshal(k.notes[q.Key])
	case "kv.set":
		n := k.notes[q.Key]
		if q.IfVersion != nil && *q.IfVersion != n.Version {
			return nil, &guest.Error{Kind: guest.Conflict, Message: "the note has another version"}
		}
		k.notes[q.Key] = guest.Note{Key: q.Key, Value: q.Value, Version: n.Version + 1}
		return fmt.Appendf(nil, `{"version":%d}`, n.Version+1), nil
	case "kv.delete":
		delete(k.notes, q.Key)
		return []byte(`{}`), nil
	case "kv.list":
		var keys []string
		for key := range k.notes {
			if strings.HasPrefix(key, q.Prefix) && key > q.After {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		out := struct {
			Items []guest.Note `json:"items"`
			Next  string       `json:"next,omitempty"`
		}{Items: []guest.Note{}}
		for i, key := range keys {
			if i == q.Limit {
				out.Next = out.Items[i-1].Key
				break
			}
			out.Items = append(out.Items, k.notes[key])
		}
		return json.Marshal(out)
	case "events.emit":
		k.events = append(k.events, q.Type+" "+q.Course)
		return []byte(`{"id":"e"}`), nil
	}
	return nil, &guest.Error{Kind: guest.NotFound, Message: operation}
}

func keep(t *testing.T) *keeper {
	k := &keeper{notes: map[string]guest.Note{}}
	t.Cleanup(guest.SetHost(k.answer))
	return k
}

func tell(t *testing.T, id, course, at string) error {
	t.Helper()
	out, failed := guest.Tell(fmt.Appendf(nil, `{"id":%q,"course":%q,"time":%q}`, id, course, at), enrolled)
	if failed {
		return errors.New(string(out))
	}
	return nil
}

// shownAt returns the card at a time, as the platform reads it.
func shownAt(t *testing.T, course, at string) string {
	t.Helper()
	out, failed := guest.Display(fmt.Appendf(nil, `{"course":%q,"time":%q}`, course, at), show)
	if failed {
		t.Fatalf("the card failed: %s", out)
	}
	if string(out) == "null" {
		return "null"
	}
	n, err := tree.Decode(out)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := tree.Render(&b, n, tree.Options{ID: "card"}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const course = "course-v1:Demo+Welcome+2026"

func TestCard(t *testing.T) {
	k := keep(t)
	if got := shownAt(t, course, "2026-05-03T14:02:10Z"); !strings.Contains(got, "Nobody has enrolled yet today.") {
		t.Errorf("nobody: %s", got)
	}
	if got := shownAt(t, "", "2026-05-03T14:02:10Z"); got != "null" {
		t.Errorf("without a course: %s", got)
	}
	if err := tell(t, "first", course, "2026-05-03T09:59:59Z"); err != nil {
		t.Fatal(err)
	}
	if got := shownAt(t, course, "2026-05-03T14:02:10Z"); !strings.Contains(got, "<strong>1</strong> person") || !strings.Contains(got, "The first came after 09:00") {
		t.Errorf("one: %s", got)
	}
	for i := range 300 {
		if err := tell(t, fmt.Sprintf("e%d", i), course, fmt.Sprintf("2026-05-03T%02d:00:00Z", 8+i%3)); err != nil {
			t.Fatal(err)
		}
	}
	// Another day, another course, and another zone that is yesterday here.
	for i, other := range []string{"2026-05-02T23:59:59Z", "2026-05-03T01:00:00+02:00"} {
		if err := tell(t, fmt.Sprintf("o%d", i), course, other); err != nil {
			t.Fatal(err)
		}
	}
	if err := tell(t, "elsewhere", course+"/", "2026-05-03T09:00:00Z"); err != nil {
		t.Fatal(err)
	}
	got := shownAt(t, course, "2026-05-03T10:00:00Z")
	if !strings.Contains(got, "<strong>301</strong> people") || !strings.Contains(got, "Most came after 09:00") || strings.Count(got, `<th scope="row"`) != 11 {
		t.Errorf("many: %s", got)
	}
	if len(k.events) != 304 || k.events[0] != "trellis-demo.live-card.counted "+course {
		t.Errorf("%d events, the first %s", len(k.events), k.events[0])
	}
	k.calls = 0
	shownAt(t, course, "2026-05-03T10:00:00Z")
	if k.calls != 1 {
		t.Errorf("a card takes %d operations", k.calls)
	}
	if err := tell(t, "last", course, "2026-05-03T09:00:00Z"); err != nil || k.calls != 4 {
		t.Errorf("an enrolment takes %d operations, %v", k.calls-1, err)
	}
}

// TestOnce: wherever a delivery breaks off, and whoever else counts meanwhile, an
// enrolment is counted once.
func TestOnce(t *testing.T) {
	const at = "2026-05-03T09:00:00Z"
	for step := range 4 {
		t.Run(fmt.Sprintf("breaks off at operation %d", step), func(t *testing.T) {
			k := keep(t)
			if err := tell(t, "before", course, at); err != nil {
				t.Fatal(err)
			}
			n := 0
			k.before = func(string, string) error {
				if n++; n == step+1 {
					return &guest.Error{Kind: guest.Unavailable, Message: "not now"}
				}
				return nil
			}
			err := tell(t, "e", course, at)
			if (err == nil) != (step == 3) {
				t.Errorf("the first delivery: %v", err)
			}
			k.before = nil
			for range 3 {
				if err := tell(t, "e", course, at); err != nil {
					t.Fatal(err)
				}
			}
			if got := shownAt(t, course, at); !strings.Contains(got, "<strong>2</strong> people") {
				t.Errorf("the card: %s", got)
			}
		})
	}
	// Two deliveries that write the same notes: before each write of the one, others
	// go through as a whole.
	k := keep(t)
	next, inner := 0, false
	k.before = func(operation, _ string) error {
		if operation != "kv.set" || inner || next > 200 {
			return nil
		}
		inner = true
		defer func() { inner = false }()
		for ids := 0; ids < 100; ids++ { // until one lies in the same note
			next++
			if err := tell(t, fmt.Sprintf("other%d", next), course, at); err != nil {
				return err
			}
		}
		return nil
	}
	if err := tell(t, "e", course, at); err != nil {
		t.Fatal(err)
	}
	if got := shownAt(t, course, at); !strings.Contains(got, fmt.Sprintf("<strong>%d</strong> people", next+1)) {
		t.Errorf("%d and one were told: %s", next, got)
	}
}

// TestManyIDs: a note keeps so many IDs and no more, and goes on counting.
func TestManyIDs(t *testing.T) {
	k := keep(t)
	const key = "n/x/2026-05-03/00"
	for i := range maxIDs + 10 {
		if err := add(key, fmt.Sprintf("%08d", i), 3); err != nil {
			t.Fatal(err)
		}
	}
	var n tally
	if err := json.Unmarshal(k.notes[key].Value, &n); err != nil || n.Hours[3] != maxIDs+10 || len(n.IDs) != maxIDs*idSize || !counted(n.IDs, fmt.Sprintf("%08d", maxIDs)) {
		t.Errorf("%v counted, %d bytes of IDs, %v", n.Hours, len(n.IDs), err)
	}
	if size := len(k.notes[key].Value) * shards; size > 100_000 {
		t.Errorf("a card reads up to %d bytes", size)
	}
}

// TestTidy forgets the days before this one, in as many calls as it takes.
func TestTidy(t *testing.T) {
	k := keep(t)
	for day := 1; day <= 4; day++ {
		for i := range 50 {
			if err := tell(t, fmt.Sprintf("%d-%d", day, i), fmt.Sprintf("course-v1:A/B+%d", i%3), fmt.Sprintf("2026-05-%02dT09:00:00Z", day)); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := len(k.notes)
	state, calls := "null", 0
	for ; state != ""; calls++ {
		k.calls = 0
		out, failed := guest.Do(fmt.Appendf(nil, `{"time":"2026-05-04T03:20:00Z","state":%s}`, state), forget)
		if failed || calls > 50 {
			t.Fatalf("call %d: %s", calls, out)
		}
		if k.calls > 90 {
			t.Errorf("a call takes %d operations, of 100 that there are", k.calls)
		}
		var again struct{ Again json.RawMessage }
		if err := json.Unmarshal(out, &again); err != nil {
			t.Fatal(err)
		}
		state = string(again.Again)
	}
	for key := range k.notes {
		if day := dayOf(key); day != "2026-05-04" {
			t.Errorf("%s is still there", key)
		}
	}
	if calls < 2 || len(k.notes) == 0 || len(k.notes) >= before {
		t.Errorf("%d calls left %d of %d notes", calls, len(k.notes), before)
	}
}
