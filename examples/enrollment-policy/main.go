// An enrolment policy: closed courses, allowed modes, people who are not to be
// enrolled. The same as ../enrollment-policy-c, which is in C.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o main.wasm .
package main

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/trellis-learning/trellis/hostapi/guest"
)

func main() {}

//go:wasmexport check
func check(ptr, size uint32) uint64 { return guest.Filter(ptr, size, decide) }

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

func decide(q guest.Question) guest.Answer {
	var data, user, settings, upgrade object
	misunderstood := guest.Refuse("invalid_question", "The policy does not understand the question.")
	if !read(object{"data": q.Data}, "data", &data) || !read(data, "user", &user) || user == nil {
		return misunderstood
	}
	id, okID := text(user["id"])
	course, okCourse := text(data["course_key"])
	mode, okMode := text(data["mode"])
	var number int64
	okNumber := true
	if !user.absent("number") {
		number, okNumber = integer(user["number"])
	}
	if !okID || !okCourse || !okMode || !okNumber {
		return misunderstood
	}
	wrong := guest.Refuse("invalid_settings", "The settings of the policy are not right.")
	if !read(object{"settings": q.Settings}, "settings", &settings) {
		return wrong
	}
	courses, ok1 := list(settings, "closed_courses", text)
	modes, ok2 := list(settings, "allowed_modes", text)
	people, ok3 := list(settings, "blocked_people", text)
	numbers, ok4 := list(settings, "blocked_numbers", integer)
	message, ok5 := "", true
	if !settings.absent("message") {
		message, ok5 = text(settings["message"])
	}
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !read(settings, "upgrade_mode", &upgrade) {
		return wrong
	}
	refuse := func(code, usual string) guest.Answer {
		if message != "" {
			usual = message
		}
		return guest.Refuse(code, usual)
	}

	if contains(people, id) || !user.absent("number") && contains(numbers, number) {
		return refuse("person_blocked", "You may not enrol at present.")
	}
	for _, c := range courses {
		if prefix, ok := strings.CutSuffix(c, "*"); c == course || ok && strings.HasPrefix(course, prefix) {
			return refuse("course_closed", "Enrolment in "+course+" is closed.")
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
		return refuse("mode_not_allowed", "The mode "+next+" is not offered.")
	}
	if next == mode {
		return guest.Pass()
	}
	return guest.Change(map[string]string{"mode": next})
}

func contains[T comparable](list []T, v T) bool {
	for _, l := range list {
		if l == v {
			return true
		}
	}
	return false
}
