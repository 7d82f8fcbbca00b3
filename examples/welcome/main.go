// A welcome for everybody who is enrolled: counts, looks the person up, and tells
// others by an event of its own. The same as ../welcome-c, which is in C.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o main.wasm .
package main

import (
	"encoding/json"

	"github.com/trellis-learning/trellis/hostapi/guest"
)

func main() {}

//go:wasmexport welcome
func welcome(ptr, size uint32) uint64 { return guest.Handle(ptr, size, greet) }

func greet(e guest.Event) error {
	seen, err := guest.GetNote("seen/" + e.ID)
	if err != nil {
		return err
	}
	user, err := guest.GetUser(e.Person, e.Course)
	if err != nil {
		return err
	}
	// The ID of this event comes from that of e: a repeat adds nothing.
	if _, err := guest.Emit("trellis-demo.welcome.greeted", e.Person, e.Course, map[string]bool{"named": user.PII.Name != ""}); err != nil {
		return err
	}
	if seen.Version > 0 {
		return nil
	}
	if err := count(); err != nil {
		return err
	}
	if _, err := guest.SetNoteAbout(e.Person, "seen/"+e.ID, 1, 0); guest.KindOf(err) != guest.Conflict {
		return err
	}
	return nil
}

// count adds one to the number of welcomes, unless another delivery is doing so
// at this moment: then it looks again.
func count() error {
	for try := 0; ; try++ {
		n, err := guest.GetNote("welcomed")
		if err != nil {
			return err
		}
		var welcomed int64
		if n.Version > 0 {
			if err := json.Unmarshal(n.Value, &welcomed); err != nil {
				return err
			}
		}
		_, err = guest.SetNote("welcomed", welcomed+1, n.Version)
		if guest.KindOf(err) != guest.Conflict || try == 8 {
			return err
		}
	}
}
