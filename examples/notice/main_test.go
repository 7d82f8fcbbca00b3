//go:build !wasip1

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/hostapi/guest"
)

// notes keeps what is known to be sent away.
func notes(t *testing.T) map[string]string {
	kept := map[string]string{}
	t.Cleanup(guest.SetHost(func(operation string, in []byte) ([]byte, error) {
		var q struct{ Key, Person string }
		if err := json.Unmarshal(in, &q); err != nil {
			return nil, err
		}
		switch operation {
		case "kv.get":
			if _, ok := kept[q.Key]; ok {
				return []byte(`{"value":true,"version":1}`), nil
			}
			return []byte(`{"value":null,"version":0}`), nil
		case "kv.set":
			kept[q.Key] = q.Person
			return []byte(`{"version":1}`), nil
		case "kv.delete":
			delete(kept, q.Key)
			return []byte(`{}`), nil
		}
		return nil, &guest.Error{Kind: guest.NotFound, Message: operation}
	}))
	return kept
}

func html(t *testing.T, raw []byte) (string, []tree.Action) {
	t.Helper()
	n, err := tree.Decode(raw)
	if err != nil {
		t.Fatalf("%v of %s", err, raw)
	}
	var b strings.Builder
	if err := tree.Render(&b, n, tree.Options{ID: "notice", Base: "/t/demo", Hidden: func(tree.Action) []tree.Field { return nil }}); err != nil {
		t.Fatal(err)
	}
	return b.String(), n.Actions()
}

func shown(t *testing.T, person, settings string) (string, []tree.Action) {
	t.Helper()
	out, failed := guest.Display(fmt.Appendf(nil, `{"person":%s,"settings":%s}`, person, settings), display)
	if failed {
		t.Fatalf("the notice failed: %s", out)
	}
	if string(out) == "null" {
		return "", nil
	}
	return html(t, out)
}

const (
	ada = `{"id":"ada","roles":["learner"]}`
	bob = `{"id":"bob","roles":["learner"]}`
)

func TestDisplay(t *testing.T) {
	notes(t)
	for _, tt := range []struct {
		name, person, settings string
		want                   []string // nil: nothing
		actions                int
	}{
		{"nothing to say", ada, `{}`, nil, 0},
		{"spaces", ada, `{"title":"a","text":" \n"}`, nil, 0},
		{"a text", ada, `{"text":"We move on <b>Monday</b>."}`, []string{"We move on &lt;b&gt;Monday&lt;/b&gt;.", ">Notice<", `data-state="info"`, "Do not show this again"}, 1},
		{"everything", ada, `{"title":"Moving","text":"On Monday.","tone":"warn","link":"/courses","link_text":"Where?"}`, []string{"Moving</h3>", ">Warning<", `data-state="warn"`, `<a href="/t/demo/courses">Where?</a>`}, 1},
		{"a link without words", ada, `{"text":"a","tone":"bad","link":"https://example.org"}`, []string{">Important<", `href="https://example.org"`, ">Read more</a>"}, 1},
		{"a link to nowhere", ada, `{"text":"a","tone":"ok","link":"javascript:alert(1)","link_text":"Go"}`, []string{">Good news<", `>Go</p>`}, 1},
		{"a tone that is none", ada, `{"text":"a","tone":"<script>"}`, []string{`data-state="info"`}, 1},
		{"nobody", `null`, `{"text":"a"}`, []string{">a</p>"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, actions := shown(t, tt.person, tt.settings)
			if (got == "") != (tt.want == nil) || len(actions) != tt.actions {
				t.Errorf("it is %s, with %d actions", got, len(actions))
			}
			for _, w := range tt.want {
				if !strings.Contains(got, w) {
					t.Errorf("there is no %q: %s", w, got)
				}
			}
		})
	}
}

// TestSendAway: who has sent the notice away does not see it; others do, and so does
// everybody another one. It can be called back.
func TestSendAway(t *testing.T) {
	kept := notes(t)
	const settings = `{"text":"We move on Monday."}`
	_, actions := shown(t, ada, settings)
	act := func(person, notice, settings string, do func(guest.Act) (guest.Reply, error)) []byte {
		t.Helper()
		out, failed := guest.Perform(fmt.Appendf(nil, `{"person":%s,"settings":%s,"id":"1","values":{"notice":%q}}`, person, settings, notice), do)
		if failed {
			t.Fatalf("the action failed: %s", out)
		}
		return out
	}
	id := actions[0].Values["notice"]
	if out := act(ada, id, `{"text":"Another."}`, sendAway); !strings.Contains(string(out), "has changed meanwhile") || len(kept) > 0 {
		t.Errorf("another notice was sent away: %s", out)
	}
	for range 2 {
		var r struct{ Tree json.RawMessage }
		if err := json.Unmarshal(act(ada, id, settings, sendAway), &r); err != nil {
			t.Fatal(err)
		}
		if got, undo := html(t, r.Tree); !strings.Contains(got, "will not be shown again") || undo[0].Export != "recall" || undo[0].Values["notice"] != id {
			t.Errorf("it is answered by %s", got)
		}
	}
	if got, _ := shown(t, ada, settings); got != "" {
		t.Errorf("Ada, who sent it away, sees %s", got)
	}
	if got, _ := shown(t, bob, settings); got == "" {
		t.Error("Bob does not see it")
	}
	if got, _ := shown(t, ada, `{"text":"Another."}`); got == "" {
		t.Error("Ada does not see the next one")
	}
	for key, person := range kept {
		if person != "ada" {
			t.Errorf("%s is about %q: it does not go when she does", key, person)
		}
	}
	if out := act(ada, id, settings, callBack); string(out) != "{}" {
		t.Errorf("called back: %s", out)
	}
	if got, _ := shown(t, ada, settings); got == "" {
		t.Error("Ada does not see it again")
	}
}
