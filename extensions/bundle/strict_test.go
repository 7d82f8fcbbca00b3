package bundle_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

type inner struct {
	Sum int `json:"sum"`
}

type document struct {
	inner
	Name  string           `json:"name"`
	Items []inner          `json:"items"`
	ByKey map[string]inner `json:"by_key"`
	Next  *document        `json:"next"`
	Raw   json.RawMessage  `json:"raw"`
}

func TestExact(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     trellis.Kind
		says     string
	}{
		{"fits", `{"name":"x","sum":1,"items":[{"sum":1}],"by_key":{"Sum":{"sum":1}},"next":{"name":"y"},"raw":{"Any":1,"Any":2}}`, "", ""},
		{"other letters", `{"Name":"x"}`, trellis.Invalid, `Name: unknown key; here may stand sum, name, items, by_key, next, raw: did you mean "name"?`},
		{"letters of another alphabet", "{\"\u017fum\":1}", trellis.Invalid, "unknown key"},
		{"in a list", `{"items":[{},{"SUM":1}]}`, trellis.Invalid, "items[1].SUM: unknown key; here may stand sum"},
		{"in a map", `{"by_key":{"a":{"b":1}}}`, trellis.Invalid, "by_key.a.b"},
		{"deep", `{"next":{"next":{"names":1}}}`, trellis.Invalid, "next.next.names"},
		{"twice", `{"name":"x","name":"y"}`, trellis.Invalid, "twice"},
		{"twice, written differently", `{"name":"x","\u006eame":"y"}`, trellis.Invalid, "twice"},
	} {
		kind(t, tt.name, bundle.Exact([]byte(tt.in), reflect.TypeFor[document]()), tt.want, tt.says)
	}
}

// FuzzExact: what Exact lets pass, decoding takes by the very keys that stand
// there: encoded again it has no other.
func FuzzExact(f *testing.F) {
	f.Add([]byte(`{"name":"x","items":[{"sum":1}],"by_key":{"a":{}},"next":{}}`))
	f.Add([]byte("{\"\u017fum\":1,\"NAME\":2}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) || bundle.Exact(raw, reflect.TypeFor[document]()) != nil {
			return
		}
		var top map[string]json.RawMessage
		var d document
		if json.Unmarshal(raw, &top) != nil || json.Unmarshal(raw, &d) != nil {
			return
		}
		for key := range top {
			switch key {
			case "sum", "name", "items", "by_key", "next", "raw":
			default:
				t.Errorf("the key %q passed", key)
			}
		}
	})
}

// FuzzSettings: neither schema nor settings bring anything down, and what is
// completed fits once more and changes no more.
func FuzzSettings(f *testing.F) {
	f.Add([]byte(`{"type":"object","properties":{"a":{"type":"integer","default":2},"b":{"type":"array","items":{"type":"string","pattern":"x+"}}}}`), []byte(`{"b":["x"]}`))
	f.Add([]byte(`{"type":"object","additionalProperties":{"type":"number"}}`), []byte(`{"x":1e3}`))
	f.Fuzz(func(t *testing.T, schema, settings []byte) {
		s, err := bundle.ParseSettings(schema)
		if err != nil {
			if trellis.KindOf(err) != trellis.Invalid {
				t.Errorf("schema: %v", err)
			}
			return
		}
		once, err := s.Complete(settings)
		if err != nil {
			if trellis.KindOf(err) != trellis.Invalid {
				t.Errorf("settings: %v", err)
			}
			return
		}
		twice, err := s.Complete(once)
		if err != nil || string(twice) != string(once) {
			t.Errorf("%s became %s, %v", once, twice, err)
		}
	})
}
