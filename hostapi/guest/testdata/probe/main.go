// An extension that tries out what the guest library offers, and keeps notes of
// what came of it. The tests of package guest build and install it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/trellis-learning/trellis/hostapi/guest"
)

func main() {}

//go:wasmexport check
func check(ptr, size uint32) uint64 { return guest.Filter(ptr, size, decide) }

//go:wasmexport hear
func hear(ptr, size uint32) uint64 { return guest.Handle(ptr, size, heard) }

//go:wasmexport count
func count(ptr, size uint32) uint64 { return guest.Work(ptr, size, counted) }

// decide passes what it does not know. The mode "personal" is refused with what is
// seen of the person, "try X" with the kind of error that a filter gets from X.
func decide(q guest.Question) guest.Answer {
	var data struct {
		Mode string     `json:"mode"`
		User guest.User `json:"user"`
	}
	if err := q.Decode(&data); err != nil {
		return guest.Refuse("not_understood", err.Error())
	}
	if data.Mode == "personal" {
		return guest.Refuse("personal", fmt.Sprintf("name=%q email=%q", data.User.PII.Name, data.User.PII.Email))
	}
	what, ok := strings.CutPrefix(data.Mode, "try ")
	if !ok {
		return guest.Pass()
	}
	var err error
	switch what {
	case "set":
		_, err = guest.SetNote("filter", 1, -1)
	case "delete":
		err = guest.DeleteNote("filter")
	case "emit":
		_, err = guest.Emit("probe.guest.told", "", "", nil)
	case "enqueue":
		_, err = guest.Enqueue("count", nil, 0)
	case "get":
		_, err = guest.GetNote("filter")
	case "fetch":
		_, err = guest.Fetch("GET", "https://nowhere.example", nil, "")
	default:
		err = guest.Call("no.such", nil, nil)
	}
	return guest.Refuse("tried", what+"="+guest.KindOf(err))
}

// heard tries the operations as a subscriber and keeps a note about the person.
func heard(e guest.Event) error {
	guest.Log(1, "heard of "+e.Person)
	var about struct {
		Enrollment struct {
			User guest.User `json:"user"`
		} `json:"enrollment"`
	}
	if err := e.Decode(&about); err != nil {
		return err
	}
	user, err := guest.GetUser(e.Person, e.Course)
	if err != nil {
		return fmt.Errorf("look up: %w", err)
	}
	first, err := guest.SetNote("version", "one", 0)
	if err != nil {
		return err
	}
	_, again := guest.SetNote("version", "another", 0)    // there is one already
	second, err := guest.SetNote("version", "two", first) // as it is now
	if err != nil {
		return err
	}
	_, stale := guest.SetNote("version", "three", first)
	note, err := guest.GetNote("version")
	if err != nil {
		return err
	}
	_, invalid := guest.SetNote("", 1, -1)
	_, missing := guest.GetUser("nobody", "")
	var e2 *guest.Error
	report := map[string]any{
		"event": about.Enrollment.User.PII, "asked": user.PII, "grew": second > first,
		"again": guest.KindOf(again), "stale": guest.KindOf(stale), "value": note.Value,
		"invalid": guest.KindOf(invalid), "missing": guest.KindOf(missing),
		"forged": guest.KindOf(failure(guest.Emit("org.openedx.learning.course.enrollment.created.v1", e.Person, e.Course, nil))),
		"words":  errors.As(stale, &e2) && strings.Contains(e2.Message, "version"),
	}
	if _, err := guest.Enqueue("count", map[string]int{"to": 3}, 0); err != nil {
		return err
	}
	_, err = guest.SetNoteAbout(e.Person, "report", report, -1)
	return err
}

func failure(_ string, err error) error { return err }

// progress is what one call of counted hands to the next.
type progress struct {
	Calls int    `json:"calls"`
	Seen  []bool `json:"seen"` // whether what an earlier call left in memory was there
}

var left bool // in memory, which each call of a pristine module finds as it began

func counted(t guest.Task) (any, error) {
	var input struct {
		To int `json:"to"`
	}
	if err := json.Unmarshal(t.Input, &input); err != nil {
		return nil, err
	}
	var p progress
	if len(t.State) > 0 {
		if err := json.Unmarshal(t.State, &p); err != nil {
			return nil, err
		}
	}
	p.Calls++
	p.Seen = append(p.Seen, left)
	left = true
	if p.Calls < input.To {
		return p, nil
	}
	_, err := guest.SetNote("counted", p, -1)
	return nil, err
}
