package examples_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

func TestLiveCard(t *testing.T)        { liveCard(t, wasm.LiveCard) }
func TestLiveCardRebuilt(t *testing.T) { liveCard(t, rebuilt(t, "c", "live-card.wasm")) }

// liveCard wants of the card in C that it counts each enrolment once, wherever a
// delivery breaks off, shows what it has counted, and tidies up.
func liveCard(t *testing.T, module []byte) {
	k := &keeper{notes: map[string]kept{}}
	r, err := runtime.New(t.Context(), runtime.Config{Host: k})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	m, err := r.Compile(t.Context(), module, runtime.Limits{Memory: 4 << 20, Time: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	call := func(hook, in string) (string, error) {
		k.calls = 0
		out, _, err := m.Call(t.Context(), runtime.Call{Hook: hook, In: []byte(in), Key: "test"})
		return string(out), err
	}
	const course = "course-v1:Demo+Welcome/\"x\"+2026"
	tell := func(id, at string) error {
		_, err := call("count", fmt.Sprintf(`{"id":%q,"course":%q,"time":%q}`, id, course, at))
		return err
	}
	card := func(at string) string {
		t.Helper()
		out, err := call("card", fmt.Sprintf(`{"slot":"course.sidebar.v1","course":%q,"time":%q}`, course, at))
		if err != nil {
			t.Fatal(err)
		}
		n, err := tree.Decode([]byte(out))
		if err != nil {
			t.Fatalf("%v of %s", err, out)
		}
		var b strings.Builder
		if err := tree.Render(&b, n, tree.Options{ID: "card"}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	shows := func(at string, want ...string) {
		t.Helper()
		got := card(at)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("the card at %s has no %q: %s", at, w, got)
			}
		}
	}

	for _, in := range []string{`{"time":"2028-02-29T10:00:00Z"}`, `{"course":"c"}`, `{"course":"c","time":"noon"}`, `{`, `[]`, `{"course":"","time":"2028-02-29T10:00:00Z"}`} {
		if out, err := call("card", in); err != nil || out != "null" {
			t.Errorf("the card of %s is %s, %v", in, out, err)
		}
		if out, err := call("count", in); err != nil || out != "{}" || len(k.notes) > 0 {
			t.Errorf("told %s it answers %s, %v", in, out, err)
		}
	}
	shows("2028-02-29T10:00:00Z", "Nobody has enrolled yet today.")
	if err := tell("first", "2028-02-29T09:59:59.5Z"); err != nil {
		t.Fatal(err)
	}
	shows("2028-02-29T10:00:00Z", "<strong>1</strong> person since", "The first came after 09:00")
	for i := range 200 {
		if err := tell(fmt.Sprintf("e%d", i), fmt.Sprintf("2028-02-29T%02d:00:00Z", 7+i%3)); err != nil {
			t.Fatal(err)
		}
	}
	for step := 1; step <= 3; step++ {
		k.stop = step
		if err := tell(fmt.Sprintf("breaks off %d", step), "2028-02-29T08:00:00Z"); err == nil {
			t.Errorf("a delivery that breaks off at operation %d is done", step)
		}
		k.stop = 0
		for range 2 {
			if err := tell(fmt.Sprintf("breaks off %d", step), "2028-02-29T08:00:00Z"); err != nil {
				t.Fatal(err)
			}
		}
	}
	shows("2028-02-29T10:00:00Z", "<strong>204</strong> people since", "Most came after 08:00", `<th scope="row" dir="auto">10:00</th><td data-align="end">0</td>`)
	if n := strings.Count(card("2028-02-29T23:59:59Z"), `<th scope="row"`); n != 24 {
		t.Errorf("at the end of a day the card has %d hours", n)
	}
	if len(k.events) != 1+200+3*2 || k.events[0] != "trellis-demo.live-card-c.counted "+course {
		t.Errorf("%d events, the first %s", len(k.events), k.events[0])
	}
	k.stop = 1
	if out, err := call("card", fmt.Sprintf(`{"course":%q,"time":"2028-02-29T10:00:00Z"}`, course)); err == nil {
		t.Errorf("a card that cannot read its notes is %s", out)
	}
	k.stop = 0
	tidies(t, k, call, tell)
}

// tidies wants that the notes of days before the present one go.
func tidies(t *testing.T, k *keeper, call func(hook, in string) (string, error), tell func(id, at string) error) {
	t.Helper()
	for _, day := range []string{"2027-12-31", "2028-01-01", "2028-02-28", "2028-03-01"} {
		for i := range 30 {
			if err := tell(fmt.Sprint(day, i), day+"T09:00:00Z"); err != nil {
				t.Fatal(err)
			}
		}
	}
	days := func() map[string]bool {
		got := map[string]bool{}
		for key := range k.notes {
			parts := strings.Split(key, "/")
			got[parts[len(parts)-2]] = true
		}
		return got
	}
	for _, tt := range []struct {
		at   string
		left int
		gone string
	}{{"2027-12-31T03:20:00Z", 5, ""}, {"2028-01-01T03:20:00Z", 4, "2027-12-31"}, {"2028-02-29T03:20:00Z", 2, "2028-02-28"}, {"2028-03-02T03:20:00Z", 0, "2028-03-01"}} {
		state, calls := "null", 0
		for ; state != ""; calls++ {
			out, err := call("tidy", fmt.Sprintf(`{"time":%q,"state":%s}`, tt.at, state))
			if err != nil || calls > 50 || k.calls > 90 {
				t.Fatalf("call %d takes %d operations and answers %s, %v", calls, k.calls, out, err)
			}
			var again struct{ Again json.RawMessage }
			if err := json.Unmarshal([]byte(out), &again); err != nil {
				t.Fatal(err)
			}
			state = string(again.Again)
		}
		if got := days(); len(got) != tt.left || got[tt.gone] {
			t.Errorf("at %s there are %v after %d calls", tt.at, got, calls)
		}
	}
}
