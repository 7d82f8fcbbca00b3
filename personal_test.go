package trellis_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/trellis-learning/trellis"
)

type letter struct {
	To    trellis.User            `json:"to"`
	CC    []*trellis.User         `json:"cc,omitempty"`
	ByTag map[string]trellis.User `json:"by_tag,omitempty"`
	Addr  string                  `json:"addr,omitempty" pii:"ip"`
	Text  string                  `json:"text"`
	Any   any                     `json:"any,omitempty"`
}

func ada() trellis.User {
	return trellis.User{ID: "1", Active: true, PII: trellis.PersonalData{Username: "ada", Email: "ada@example.org", Name: "Ada"}}
}

func TestRedact(t *testing.T) {
	u := ada()
	in := letter{To: u, CC: []*trellis.User{&u}, ByTag: map[string]trellis.User{"x": u}, Addr: "192.0.2.1", Text: "hello", Any: u}
	out := trellis.Redact(in, nil)
	raw, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"to":{"id":"1","is_active":true},"cc":[{"id":"1","is_active":true}],"by_tag":{"x":{"id":"1","is_active":true}},"text":"hello","any":{"id":"1","is_active":true}}`
	if string(raw) != want {
		t.Errorf("redacted:\n got %s\nwant %s", raw, want)
	}
	if in.CC[0].PII.Email == "" || in.ByTag["x"].PII.Name == "" || u.PII.Username == "" {
		t.Error("the value that was given lost its data")
	}
	kept := trellis.Redact(in, func(class string) bool { return class == trellis.PIIEmail })
	if kept.To.PII.Email == "" || kept.To.PII.Name != "" || kept.CC[0].PII.Email == "" {
		t.Errorf("kept %+v", kept.To.PII)
	}
}

func TestPersonalFields(t *testing.T) {
	got := map[string]string{}
	for _, f := range trellis.PersonalFields(reflect.TypeFor[letter]()) {
		key := ""
		for _, p := range f.Path {
			key += "/" + p
		}
		got[key] = f.Class
	}
	want := map[string]string{
		"/to/pii/username": "username", "/to/pii/email": "email", "/to/pii/name": "name",
		"/cc/*/pii/username": "username", "/cc/*/pii/email": "email", "/cc/*/pii/name": "name",
		"/by_tag/*/pii/username": "username", "/by_tag/*/pii/email": "email", "/by_tag/*/pii/name": "name",
		"/addr": "ip",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("fields = %v", got)
	}
}

func TestFillUsers(t *testing.T) {
	type plain struct{ X int }
	same := []byte(`{"X":1}`)
	out, err := trellis.FillUsers(reflect.TypeFor[plain](), same, nil)
	if err != nil || &out[0] != &same[0] {
		t.Errorf("a document without people was rewritten: %s, %v", out, err)
	}
	in := []byte(`{"to":{"id":"1","is_active":true},"cc":[{"id":"2","is_active":false}],"by_tag":{"k":{"id":"3","is_active":true}},"text":"x"}`)
	out, err = trellis.FillUsers(reflect.TypeFor[letter](), in, func(u *trellis.User) error {
		u.PII.Name = "person " + u.ID
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"to":{"id":"1","is_active":true,"pii":{"name":"person 1"}},"cc":[{"id":"2","is_active":false,"pii":{"name":"person 2"}}],"by_tag":{"k":{"id":"3","is_active":true,"pii":{"name":"person 3"}}},"text":"x"}`
	if string(out) != want {
		t.Errorf("filled %s", out)
	}
}
