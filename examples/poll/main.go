// A poll in a course: learners answer a question in the page, and can change their
// answer; the course team sees the answers come in.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o main.wasm .
//
// An answer is a note about the person, so there is one of each, and it goes when
// the person does. The sum is another note. It is not added to, but counted anew
// from the answers after each, and written only if nobody has written it since the
// counting began: so it is right as soon as the last of those who answer at the same
// time is done, whatever breaks off in between. That is good for some thousand
// answers, which are as many as an extension can keep.
package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis/hostapi/guest"
)

func main() {}

//go:wasmexport card
func card(ptr, size uint32) uint64 { return guest.Slot(ptr, size, show) }

//go:wasmexport vote
func vote(ptr, size uint32) uint64 { return guest.Action(ptr, size, choose) }

const tries = 8 // to write a note that others write, too

// poll is a question in a course.
type poll struct {
	Question string   `json:"question"`
	Answers  []string `json:"answers"`
	id       string
}

// pollOf reads the poll of a place; not ok if there is none to be answered.
func pollOf(p guest.Place) (q poll, ok bool, err error) {
	if err := p.Configure(&q); err != nil {
		return q, false, err
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.Course + "\n" + q.Question))
	q.id = fmt.Sprintf("%016x", h.Sum64())
	return q, strings.TrimSpace(q.Question) != "" && len(q.Answers) >= 2, nil
}

// sum is how often each answer was given.
type sum map[string]int

func (s sum) total() (n int) {
	for _, v := range s {
		n += v
	}
	return n
}

// show shows the question to whom has not answered it, and the answers to all
// others and to the course team.
func show(p guest.Place) (guest.Node, error) {
	q, ok, err := pollOf(p)
	if err != nil || p.Person == nil {
		return nil, err
	}
	team := p.Person.Has("staff", "tenant-admin", "operator")
	switch {
	case !ok && team:
		return guest.Card("Poll", guest.Text("Give it a question and at least two answers in its settings.").Tone(guest.Muted)), nil
	case !ok:
		return nil, nil
	}
	mine, _, err := answer(q, p.Person.ID)
	if err != nil {
		return nil, err
	}
	if !team && !slices.Contains(q.Answers, mine) { // an answer that is not offered any more counts no more
		return guest.Card(q.Question, form(q, "").Submit("Answer").Primary()), nil
	}
	var s sum
	if _, err := read("t/"+q.id, &s); err != nil {
		return nil, err
	}
	parts := results(q, s)
	if team {
		return guest.Card(q.Question, parts...), nil
	}
	return guest.Card(q.Question, append(parts,
		guest.Text("You answered ", guest.Bold(mine), guest.Plain(".")),
		guest.Details("Change your answer", form(q, mine).Submit("Change")))...), nil
}

func results(q poll, s sum) []guest.Node {
	var parts []guest.Node
	total := s.total()
	for _, a := range q.Answers {
		parts = append(parts, guest.Progress(fmt.Sprintf("%s: %d", a, s[a]), float64(s[a]), float64(total)))
	}
	switch total {
	case 0:
		return append(parts, guest.Text("Nobody has answered yet.").Tone(guest.Muted))
	case 1:
		return append(parts, guest.Text("1 answer so far.").Tone(guest.Muted))
	}
	return append(parts, guest.Text(fmt.Sprintf("%d answers so far.", total)).Tone(guest.Muted))
}

func form(q poll, mine string) guest.FormNode {
	options := make([]guest.Option, len(q.Answers))
	for i, a := range q.Answers {
		options[i] = guest.Option{Value: a}
	}
	return guest.Form("vote", guest.Radio("answer", "Your answer", options...).Required().Value(mine)).With("poll", q.id)
}

// choose takes an answer.
func choose(a guest.Act) (guest.Reply, error) {
	var in struct{ Poll, Answer string }
	if err := a.Decode(&in); err != nil {
		return guest.Reply{}, err
	}
	q, ok, err := pollOf(a.Place)
	if err != nil || a.Person == nil {
		return guest.Reply{}, err
	}
	if !ok || in.Poll != q.id || !slices.Contains(q.Answers, in.Answer) {
		return guest.Say("The question has changed meanwhile. Your answer was not counted.", guest.Warn), nil
	}
	before, err := keep(q, a.Person.ID, in.Answer)
	if err != nil {
		return guest.Reply{}, err
	}
	if err := recount(q); err != nil {
		return guest.Reply{}, err
	}
	switch before {
	case in.Answer:
		return guest.Say("This is your answer already.", guest.Info), nil
	case "":
		_, err = guest.Emit("trellis-demo.poll.voted", "", a.Course, struct{}{})
		return guest.Say("Your answer is counted.", guest.OK), err
	}
	_, err = guest.Emit("trellis-demo.poll.voted", "", a.Course, struct{}{})
	return guest.Say("Your answer is changed.", guest.OK), err
}

// keep writes somebody's answer, and returns the one before.
func keep(q poll, person, choice string) (before string, err error) {
	for range tries {
		var version int64
		if before, version, err = answer(q, person); err != nil || before == choice {
			return before, err
		}
		_, err = guest.SetNoteAbout(person, "v/"+q.id+"/"+person, choice, version)
		if guest.KindOf(err) != guest.Conflict {
			return before, err
		}
	}
	return before, err
}

// recount counts the answers and writes their sum.
func recount(q poll) error {
	for try := 0; ; try++ {
		var old sum
		version, err := read("t/"+q.id, &old) // before the answers are read: what comes after counts again
		if err != nil {
			return err
		}
		s, err := counted(q)
		if err != nil {
			return err
		}
		_, err = guest.SetNote("t/"+q.id, s, version)
		if guest.KindOf(err) != guest.Conflict || try == tries {
			return err
		}
	}
}

func counted(q poll) (sum, error) {
	s := sum{}
	for after := ""; ; {
		notes, next, err := guest.Notes("v/"+q.id+"/", after, 200)
		if err != nil {
			return nil, err
		}
		for _, n := range notes {
			var a string
			if err := json.Unmarshal(n.Value, &a); err != nil {
				return nil, err
			}
			if slices.Contains(q.Answers, a) {
				s[a]++
			}
		}
		if after = next; next == "" {
			return s, nil
		}
	}
}

func answer(q poll, person string) (choice string, version int64, err error) {
	version, err = read("v/"+q.id+"/"+person, &choice)
	return choice, version, err
}

// read reads a note into v, if there is one.
func read(key string, v any) (version int64, err error) {
	n, err := guest.GetNote(key)
	if err == nil && n.Version > 0 {
		err = json.Unmarshal(n.Value, v)
	}
	return n.Version, err
}
