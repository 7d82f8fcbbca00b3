// An enrolment policy as an Extism plug-in, with the PDK for Go. It is a module of its
// own, so that the PDK is no dependency of the platform. The same policy as
// ../enrollment-policy.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o main.wasm .
package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/extism/go-pdk"
)

func main() {}

//go:wasmexport check
func check() int32 {
	var question object
	if err := json.Unmarshal(pdk.Input(), &question); err != nil {
		pdk.SetErrorString("the question is not JSON: " + err.Error())
		return 1
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(decide(question)); err != nil {
		pdk.SetError(err)
		return 1
	}
	pdk.Output(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
	return 0
}

// answer is what a filter says.
type answer struct {
	Patch  map[string]string `json:"patch,omitempty"`
	Refuse *refusal          `json:"refuse,omitempty"`
}

type refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func refuse(code, message string) answer { return answer{Refuse: &refusal{code, message}} }

// object is a JSON object whose keys match exactly, unlike those of a struct.
type object map[string]json.RawMessage

func (o object) absent(key string) bool {
	v := o[key]
	return len(v) == 0 || string(v) == "null"
}

// read decodes a member of the wanted type; what is absent stays as it is.
func read[T any](o object, key string, to *T) bool {
	return o.absent(key) || json.Unmarshal(o[key], to) == nil
}

// list reads an array whose items are all there: a null among them is not one.
func list[T any](o object, key string, item func(json.RawMessage) (T, bool)) (out []T, ok bool) {
	var raw []json.RawMessage
	if !read(o, key, &raw) {
		return nil, false
	}
	for _, r := range raw {
		v, ok := item(r)
		if !ok {
			return nil, false
		}
		out = append(out, v)
	}
	return out, true
}

func text(raw json.RawMessage) (s string, ok bool) {
	return s, len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil
}

// integer reads a number that is written as a whole one.
func integer(raw json.RawMessage) (int64, bool) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, err == nil && raw[0] != '+'
}

func decide(question object) answer {
	var data, user, settings, upgrade object
	misunderstood := refuse("invalid_question", "The policy does not understand the question.")
	if !read(question, "data", &data) || !read(data, "user", &user) || user == nil {
		return misunderstood
	}
	id, okID := text(user["id"])
	course, okCourse := text(data["course_key"])
	mode, okMode := text(data["mode"])
	number, okNumber := int64(0), user.absent("number")
	if !okNumber {
		number, okNumber = integer(user["number"])
	}
	if !okID || !okCourse || !okMode || !okNumber {
		return misunderstood
	}
	wrong := refuse("invalid_settings", "The settings of the policy are not right.")
	if !read(question, "settings", &settings) {
		return wrong
	}
	courses, ok1 := list(settings, "closed_courses", text)
	modes, ok2 := list(settings, "allowed_modes", text)
	people, ok3 := list(settings, "blocked_people", text)
	numbers, ok4 := list(settings, "blocked_numbers", integer)
	message, ok5 := "", settings.absent("message")
	if !ok5 {
		message, ok5 = text(settings["message"])
	}
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !read(settings, "upgrade_mode", &upgrade) {
		return wrong
	}
	no := func(code, usual string) answer {
		if message != "" {
			usual = message
		}
		return refuse(code, usual)
	}

	if contains(people, id) || !user.absent("number") && contains(numbers, number) {
		return no("person_blocked", "You may not enrol at present.")
	}
	for _, c := range courses {
		if prefix, ok := strings.CutSuffix(c, "*"); c == course || ok && strings.HasPrefix(course, prefix) {
			return no("course_closed", "Enrolment in "+course+" is closed.")
		}
	}
	next := mode
	if !upgrade.absent(mode) {
		to, ok := text(upgrade[mode])
		if !ok {
			return wrong
		}
		next = to
	}
	if len(modes) > 0 && !contains(modes, next) {
		return no("mode_not_allowed", "The mode "+next+" is not offered.")
	}
	if next == mode {
		return answer{}
	}
	return answer{Patch: map[string]string{"mode": next}}
}

func contains[T comparable](list []T, v T) bool {
	for _, l := range list {
		if l == v {
			return true
		}
	}
	return false
}
