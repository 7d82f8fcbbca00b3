// A card beside a course that says how many enrolled today, by the hour, and is new
// a moment after each enrolment. The same as ../live-card-c, which is in C.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o main.wasm .
//
// Who looks at the card may not list enrolments, and the card acts with the rights
// of who looks. So the subscriber counts, which acts as the extension, and the card
// reads what it counted.
//
// Each enrolment is counted once, however often it is delivered: the note that
// counts it has its ID, too, and both are written at once. The counts of a course
// and day lie in several notes, chosen by the ID, so that hundreds of enrolments a
// second do not wait for one. So an enrolment costs a note read, a note written and
// an event, and a card one list of short notes.
package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/trellis-learning/trellis/hostapi/guest"
)

func main() {}

//go:wasmexport count
func count(ptr, size uint32) uint64 { return guest.Handle(ptr, size, enrolled) }

//go:wasmexport card
func card(ptr, size uint32) uint64 { return guest.Slot(ptr, size, show) }

//go:wasmexport tidy
func tidy(ptr, size uint32) uint64 { return guest.Work(ptr, size, forget) }

const (
	shards = 32
	tries  = 8   // to write a note that others write, too
	idSize = 8   // of what is kept of an event's ID, 6 bits in each character
	maxIDs = 250 // that a note keeps: only what is delivered again after 8,000 others would count again
	counts = "n/"
)

// tally is what a note counts: enrolments by the hour of the day, and which.
type tally struct {
	Hours [24]int `json:"h"`
	IDs   string  `json:"ids"`
}

// enrolled counts an enrolment, and tells the pages that show the card.
func enrolled(e guest.Event) error {
	if e.Course == "" {
		return nil
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(e.ID))
	at, hash := e.Time.UTC(), h.Sum64()
	key := fmt.Sprintf("%s%s/%s/%02d", counts, e.Course, at.Format(time.DateOnly), hash%shards)
	if err := add(key, idOf(hash), at.Hour()); err != nil {
		return err
	}
	// The ID of this event comes from that of e: a repeat adds nothing.
	_, err := guest.Emit("trellis-demo.live-card.counted", "", e.Course, map[string]string{"day": at.Format(time.DateOnly)})
	return err
}

// idOf returns what is kept of an ID.
func idOf(hash uint64) string {
	var b [idSize]byte
	for i := range b {
		b[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[hash>>(58-6*i)&63]
	}
	return string(b[:])
}

// add counts what has an ID, unless it was counted before. If another delivery
// writes the note meanwhile, it looks again.
func add(key, id string, hour int) error {
	for try := 0; ; try++ {
		n, err := guest.GetNote(key)
		if err != nil {
			return err
		}
		var t tally
		if n.Version > 0 {
			if err := json.Unmarshal(n.Value, &t); err != nil {
				return err
			}
		}
		if counted(t.IDs, id) {
			return nil
		}
		t.Hours[hour]++
		t.IDs += id
		if len(t.IDs) > maxIDs*idSize {
			t.IDs = t.IDs[idSize:]
		}
		_, err = guest.SetNote(key, t, n.Version)
		if guest.KindOf(err) != guest.Conflict || try == tries {
			return err
		}
	}
}

func counted(ids, id string) bool {
	for i := 0; i+idSize <= len(ids); i += idSize {
		if ids[i:i+idSize] == id {
			return true
		}
	}
	return false
}

// show shows the card.
func show(p guest.Place) (guest.Node, error) {
	if p.Course == "" {
		return nil, nil
	}
	now := p.Time.UTC()
	notes, _, err := guest.Notes(fmt.Sprintf("%s%s/%s/", counts, p.Course, now.Format(time.DateOnly)), "", shards)
	if err != nil {
		return nil, err
	}
	var hours [24]int
	for _, n := range notes {
		var t tally
		if err := json.Unmarshal(n.Value, &t); err != nil {
			return nil, err
		}
		for i, v := range t.Hours {
			hours[i] += v
		}
	}
	return today(hours, now.Hour()), nil
}

// today is the card for a day that has come to an hour.
func today(hours [24]int, now int) guest.Node {
	labels, values := make([]string, now+1), make([]float64, now+1)
	sum, best := 0, 0
	for i := range labels {
		labels[i], values[i] = fmt.Sprintf("%02d:00", i), float64(hours[i])
		sum += hours[i]
		if hours[i] > hours[best] {
			best = i
		}
	}
	switch sum {
	case 0:
		return guest.Card("Enrolled today", guest.Text("Nobody has enrolled yet today.").Tone(guest.Muted))
	case 1:
		return guest.Card("Enrolled today", guest.Text("", guest.Bold("1"), guest.Plain(" person since midnight (UTC)")),
			guest.Bars(fmt.Sprintf("The first came after %02d:00", best), "Enrolments", labels, values))
	}
	return guest.Card("Enrolled today", guest.Text("", guest.Bold(fmt.Sprint(sum)), guest.Plain(" people since midnight (UTC)")),
		guest.Bars(fmt.Sprintf("Most came after %02d:00", best), "Enrolments", labels, values))
}

// forget deletes the notes of days before this one.
func forget(t guest.Task) (any, error) {
	const most = 60 // operations of a call; the next one has its own
	var after string
	if len(t.State) > 0 {
		if err := json.Unmarshal(t.State, &after); err != nil {
			return nil, err
		}
	}
	today := t.Time.UTC().Format(time.DateOnly)
	for used := 0; used < most; used++ {
		notes, next, err := guest.Notes(counts, after, 20)
		if err != nil {
			return nil, err
		}
		for _, n := range notes {
			if day := dayOf(n.Key); day == "" || day >= today {
				continue
			}
			if err := guest.DeleteNote(n.Key); err != nil {
				return nil, err
			}
			used++
		}
		if after = next; next == "" {
			return nil, nil
		}
	}
	return after, nil
}

// dayOf returns the day of a key, which is its last but one part: a course's key may
// have any number of them.
func dayOf(key string) string {
	parts := strings.Split(key, "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[len(parts)-2]
}
