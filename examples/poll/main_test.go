//go:build !wasip1

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/hostapi/guest"
)

// box keeps notes as the platform does. Before each operation it may do something
// else, as another person would.
type box struct {
	notes  map[string]guest.Note
	about  map[string]string
	events int
	before func(operation string) error
}

func (b *box) answer(operation string, in []byte) ([]byte, error) {
	var q struct {
		Key, Prefix, After, Person string
		Value                      json.RawMessage
		IfVersion                  *int64 `json:"if_version"`
		Limit                      int
	}
	if err := json.Unmarshal(in, &q); err != nil {
		return nil, err
	}
	if b.before != nil {
		if err := b.before(operation); err != nil {
			return nil, err
		}
	}
	switch operation {
	case "kv.get":
		return json.Marshal(b.notes[q.Key])
	case "kv.set":
		n := b.notes[q.Key]
		if q.IfVersion != nil && *q.IfVersion != n.Version {
			return nil, &guest.Error{Kind: guest.Conflict, Message: "another version"}
		}
		b.notes[q.Key], b.about[q.Key] = guest.Note{Key: q.Key, Value: q.Value, Version: n.Version + 1}, q.Person
		return fmt.Appendf(nil, `{"version":%d}`, n.Version+1), nil
	case "kv.list":
		var keys []string
		for key := range b.notes {
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
			if i == min(q.Limit, 3) { // pages are short here
				out.Next = keys[i-1]
				break
			}
			out.Items = append(out.Items, b.notes[key])
		}
		return json.Marshal(out)
	case "events.emit":
		b.events++
		return []byte(`{"id":"e"}`), nil
	}
	return nil, &guest.Error{Kind: guest.NotFound, Message: operation}
}

func start(t *testing.T) *box {
	b := &box{notes: map[string]guest.Note{}, about: map[string]string{}}
	t.Cleanup(guest.SetHost(b.answer))
	return b
}

const asks = `{"question":"How is it?","answers":["Good <b>","Bad"]}`

func input(who, role, settings, more string) []byte {
	return fmt.Appendf(nil, `{"course":"c","person":{"id":%q,"roles":[%q]},"settings":%s%s}`, who, role, settings, more)
}

// seen returns the card as it is rendered, "" for none, and the actions it offers.
func seen(t *testing.T, who, role, settings string) (string, []tree.Action) {
	t.Helper()
	out, failed := guest.Display(input(who, role, settings, ""), show)
	if failed {
		t.Fatalf("the card failed: %s", out)
	}
	if string(out) == "null" {
		return "", nil
	}
	n, err := tree.Decode(out)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := tree.Render(&b, n, tree.Options{ID: "poll", Hidden: func(tree.Action) []tree.Field { return nil }}); err != nil {
		t.Fatal(err)
	}
	return b.String(), n.Actions()
}

// choice answers the poll as somebody who was shown the form, and returns what is
// said.
func choice(t *testing.T, who, answer string) string {
	t.Helper()
	q, _, err := pollOf(guest.Place{Course: "c", Settings: []byte(asks)})
	if err != nil {
		t.Fatal(err)
	}
	out, failed := guest.Perform(input(who, "learner", asks, fmt.Sprintf(`,"id":"1","action":"vote","values":{"poll":%q,"answer":%q}`, q.id, answer)), choose)
	var r struct{ Kind, Message string }
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	if failed {
		return r.Kind
	}
	return r.Message
}

func TestPoll(t *testing.T) {
	b := start(t)
	const good = "Good <b>"
	for _, settings := range []string{`{}`, `{"question":"How?","answers":["one"]}`, `{"question":" ","answers":["a","b"]}`} {
		if got, _ := seen(t, "ada", "learner", settings); got != "" {
			t.Errorf("%s: learners see %s", settings, got)
		}
		if got, _ := seen(t, "sam", "staff", settings); !strings.Contains(got, "at least two answers") {
			t.Errorf("%s: the team sees %s", settings, got)
		}
	}
	got, actions := seen(t, "ada", "learner", asks)
	if len(actions) != 1 || strings.Contains(got, "progress") || !strings.Contains(got, "Good &lt;b&gt;") {
		t.Errorf("before her answer Ada sees %s", got)
	}
	if got, actions := seen(t, "sam", "staff", asks); len(actions) != 0 || !strings.Contains(got, "Nobody has answered yet.") {
		t.Errorf("before any answer the team sees %s", got)
	}
	for _, tt := range []struct{ who, answer, want string }{
		{"ada", good, "Your answer is counted."}, {"ada", good, "This is your answer already."}, {"ada", "Bad", "Your answer is changed."}, {"ada", good, "Your answer is changed."},
		{"bob", "Bad", "Your answer is counted."}, {"cyd", "Maybe", "The question has changed meanwhile. Your answer was not counted."},
		{"d1", good, "Your answer is counted."}, {"d2", good, "Your answer is counted."}, {"d3", good, "Your answer is counted."},
	} {
		if got := choice(t, tt.who, tt.answer); got != tt.want {
			t.Errorf("%s answers %s: %q, want %q", tt.who, tt.answer, got, tt.want)
		}
	}
	got, actions = seen(t, "ada", "learner", asks)
	for _, want := range []string{"Good &lt;b&gt;: 4</span>", "Bad: 1</span>", `max="5" value="4"`, "5 answers so far.", "You answered <strong>Good &lt;b&gt;</strong>.", "Change your answer", `value="Good &lt;b&gt;" required checked`} {
		if !strings.Contains(got, want) {
			t.Errorf("after her answer Ada does not see %q: %s", want, got)
		}
	}
	if got, none := seen(t, "sam", "staff", asks); len(actions) != 1 || len(none) != 0 || !strings.Contains(got, "5 answers so far.") || strings.Contains(got, "You answered") {
		t.Errorf("the team sees %s", got)
	}
	if b.events != 7 {
		t.Errorf("%d events of 7 answers", b.events)
	}
	// Another question is another poll, and an answer that is not offered any more
	// counts no more.
	if got, _ := seen(t, "ada", "learner", strings.Replace(asks, "How is it?", "And now?", 1)); strings.Contains(got, "progress") {
		t.Errorf("of another question Ada sees %s", got)
	}
	if got, _ := seen(t, "ada", "learner", `{"question":"How is it?","answers":["Fine","Bad"]}`); strings.Contains(got, "progress") {
		t.Errorf("of other answers Ada sees %s", got)
	}
	for key, person := range b.about {
		if strings.HasPrefix(key, "v/") != (person != "") {
			t.Errorf("%s is about %q", key, person)
		}
	}
}

// TestPollTogether: wherever an answer breaks off, and whoever else answers in
// between, the sum is that of the answers once the last is through.
func TestPollTogether(t *testing.T) {
	for step := range 8 {
		b := start(t)
		n, inner := 0, false
		b.before = func(string) error {
			if inner {
				return nil
			}
			if n++; n == step {
				return &guest.Error{Kind: guest.Unavailable, Message: "not now"}
			}
			inner = true
			defer func() { inner = false }()
			if n < 5 && choice(t, fmt.Sprintf("other%d", n), "Bad") != "Your answer is counted." {
				t.Error("another's answer is not counted")
			}
			return nil
		}
		first := choice(t, "ada", "Bad")
		b.before = nil
		if step > 0 && step < 5 && first != guest.Unavailable {
			t.Errorf("step %d: the answer that breaks off says %q", step, first)
		}
		choice(t, "ada", "Bad")
		answers := 0
		for key := range b.notes {
			if strings.HasPrefix(key, "v/") {
				answers++
			}
		}
		if got, _ := seen(t, "sam", "staff", asks); !strings.Contains(got, fmt.Sprintf("Bad: %d</span>", answers)) {
			t.Errorf("step %d: of %d answers the team sees %s", step, answers, got)
		}
	}
}
