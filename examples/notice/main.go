// A notice above the list of courses. The manifest says to how many of a hundred
// people it is shown; the settings say what it says; and whoever has read it sends
// it away.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o main.wasm .
package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/trellis-learning/trellis/hostapi/guest"
)

func main() {}

//go:wasmexport show
func show(ptr, size uint32) uint64 { return guest.Slot(ptr, size, display) }

//go:wasmexport dismiss
func dismiss(ptr, size uint32) uint64 { return guest.Action(ptr, size, sendAway) }

//go:wasmexport recall
func recall(ptr, size uint32) uint64 { return guest.Action(ptr, size, callBack) }

// notice is what the settings say.
type notice struct {
	Title    string     `json:"title"`
	Text     string     `json:"text"`
	Tone     guest.Tone `json:"tone"`
	Link     string     `json:"link"`
	LinkText string     `json:"link_text"`
	id       string     // of this text: another one is another notice
}

func noticeOf(p guest.Place) (n notice, err error) {
	err = p.Configure(&n)
	h := fnv.New64a()
	_, _ = h.Write([]byte(n.Title + "\n" + n.Text))
	n.id = fmt.Sprintf("%016x", h.Sum64())
	return n, err
}

// display shows the notice, unless it says nothing or the person has sent it away.
func display(p guest.Place) (guest.Node, error) {
	n, err := noticeOf(p)
	if err != nil || strings.TrimSpace(n.Text) == "" {
		return nil, err
	}
	parts := []guest.Node{n.badge(), guest.Text(n.Text)}
	if n.Link != "" {
		if strings.TrimSpace(n.LinkText) == "" {
			n.LinkText = "Read more"
		}
		parts = append(parts, guest.Text("", guest.Link(n.LinkText, n.Link)))
	}
	if p.Person == nil {
		return guest.Card(n.Title, parts...), nil // nobody is signed in who could send it away
	}
	away, err := guest.GetNote(n.key(p))
	if err != nil || away.Version > 0 {
		return nil, err
	}
	return guest.Card(n.Title, append(parts, guest.Button("Do not show this again", "dismiss").With("notice", n.id))...), nil
}

// badge says in a word what the tone says by its colour.
func (n notice) badge() guest.Node {
	switch n.Tone {
	case guest.OK:
		return guest.Badge("Good news", guest.OK)
	case guest.Warn:
		return guest.Badge("Warning", guest.Warn)
	case guest.Bad:
		return guest.Badge("Important", guest.Bad)
	}
	return guest.Badge("Notice", guest.Info)
}

func (n notice) key(p guest.Place) string { return "away/" + n.id + "/" + p.Person.ID }

// asked reads an action; not ok if the notice is another one meanwhile.
func asked(a guest.Act) (n notice, ok bool, err error) {
	var in struct{ Notice string }
	if err := json.Unmarshal(a.Values, &in); err != nil {
		return n, false, err
	}
	n, err = noticeOf(a.Place)
	return n, err == nil && in.Notice == n.id && a.Person != nil, err
}

// sendAway shows the notice to the person no more. To do so twice does no harm.
func sendAway(a guest.Act) (guest.Reply, error) {
	n, ok, err := asked(a)
	if err != nil {
		return guest.Reply{}, err
	}
	if !ok {
		return guest.Say("The notice has changed meanwhile.", guest.Info), nil
	}
	if _, err := guest.SetNoteAbout(a.Person.ID, n.key(a.Place), true, -1); err != nil {
		return guest.Reply{}, err
	}
	return guest.Show(guest.Row(guest.Text("The notice will not be shown again.").Tone(guest.Muted), guest.Button("Undo", "recall").With("notice", n.id))), nil
}

// callBack shows it again.
func callBack(a guest.Act) (guest.Reply, error) {
	n, ok, err := asked(a)
	if err != nil || !ok {
		return guest.Reply{}, err
	}
	err = guest.DeleteNote(n.key(a.Place))
	if guest.KindOf(err) == guest.NotFound {
		err = nil
	}
	return guest.Reply{}, err
}
