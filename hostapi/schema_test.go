package hostapi_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/trellis-learning/trellis/hostapi"
)

type Base struct {
	ID string `json:"id" doc:"Its ID."`
}

type Sample struct {
	Base
	At     time.Time         `json:"at,omitzero" doc:"When."`
	Mode   string            `json:"mode,omitempty" doc:"How." enum:"audit,verified"`
	Modes  []string          `json:"modes,omitempty" enum:"audit,verified"`
	Raw    json.RawMessage   `json:"raw,omitempty" doc:"Anything."`
	More   json.RawMessage   `json:"more,omitempty" doc:"Anything else."`
	Bytes  []byte            `json:"bytes,omitempty"`
	Inner  *Base             `json:"inner,omitempty" doc:"Another."`
	Many   []Base            `json:"many" doc:"Others."`
	ByName map[string]Base   `json:"by_name,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	Share  float64           `json:"share,omitempty"`
	Count  int               `json:"count,omitempty"`
	Plain  bool
	hidden string
	Not    string `json:"-"`
}

func TestSchemaOf(t *testing.T) {
	raw, err := hostapi.SchemaOf(reflect.TypeFor[Sample]())
	if err != nil {
		t.Fatal(err)
	}
	const base = `"type":"object","properties":{"id":{"type":"string","description":"Its ID."}},"required":["id"],"additionalProperties":false`
	want := `{"type":"object","properties":{
		"id":{"type":"string","description":"Its ID."},
		"at":{"type":"string","description":"When.","format":"date-time"},
		"mode":{"type":"string","description":"How.","enum":["audit","verified"]},
		"modes":{"type":["null","array"],"items":{"type":"string","enum":["audit","verified"]}},
		"raw":{"description":"Anything."},
		"more":{"description":"Anything else."},
		"bytes":{"type":["null","string"],"contentEncoding":"base64"},
		"inner":{` + strings.Replace(base, `"type":"object"`, `"type":["null","object"],"description":"Another."`, 1) + `},
		"many":{"type":["null","array"],"description":"Others.","items":{` + base + `}},
		"by_name":{"type":"object","additionalProperties":{` + base + `}},
		"labels":{"type":"object","additionalProperties":{"type":"string"}},
		"share":{"type":"number"},"count":{"type":"integer"},"Plain":{"type":"boolean"}
		},"required":["id","many","Plain"],"additionalProperties":false}`
	if got, want := normal(t, raw), normal(t, []byte(want)); got != want {
		t.Errorf("schema:\n got %s\nwant %s", got, want)
	}
	if again, _ := hostapi.SchemaOf(reflect.TypeFor[Sample]()); string(again) != string(raw) {
		t.Errorf("the schema is not the same twice:\n%s\n%s", raw, again)
	}
}

// What encoding/json writes must fit the schema that is published for it.
func TestSchemaFitsDocuments(t *testing.T) {
	raw, err := hostapi.SchemaOf(reflect.TypeFor[Sample]())
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		doc  any
		ok   bool
	}{
		{"zero", Sample{}, true},
		{"full", Sample{
			Base: Base{"x"}, At: time.Now(), Mode: "audit", Modes: []string{"verified"}, Raw: json.RawMessage(`[1]`), Bytes: []byte{1, 2},
			Inner: &Base{"y"}, Many: []Base{{"z"}}, ByName: map[string]Base{"a": {"b"}}, Share: 0.5, Count: 3, hidden: "h", Not: "n",
		}, true},
		{"another mode", Sample{Mode: "free"}, false},
		{"another key", map[string]any{"id": "x", "many": nil, "Plain": true, "idd": "y"}, false},
		{"a key too few", map[string]any{"many": nil, "Plain": true}, false},
	} {
		raw, err := json.Marshal(tt.doc)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatal(err)
		}
		if err := resolved.Validate(doc); (err == nil) != tt.ok {
			t.Errorf("%s: %s: %v", tt.name, raw, err)
		}
	}
}

func TestSchemaOfWhatHasNone(t *testing.T) {
	type loop struct {
		Next []*loop
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[loop](), reflect.TypeFor[chan int](), reflect.TypeFor[struct{ F func() }]()} {
		if raw, err := hostapi.SchemaOf(typ); err == nil {
			t.Errorf("%s: %s", typ, raw)
		}
	}
}

func normal(t *testing.T, raw []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
