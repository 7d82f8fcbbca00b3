// Package job is what every peer is given to do: to find one field of a JSON text
// of some 300 bytes, and to answer the whole with another value there. Beside it
// lie the guests that do the same: by hand in C and AssemblyScript, by
// encoding/json in Go.
package job

import (
	"bytes"
	"encoding/json"
	"errors"
)

const (
	key         = "mode"
	replacement = "honor"
)

var errNoField = errors.New("there is no such field")

// question is what the platform asks about an enrolment, as a guest that knows
// what it is asked would declare it.
type question struct {
	ID       string          `json:"id"`
	Type     string          `json:"type"`
	Time     string          `json:"time"`
	Tenant   string          `json:"tenant"`
	Course   string          `json:"course"`
	Settings json.RawMessage `json:"settings"`
	Trace    string          `json:"trace"`
	Data     struct {
		User      json.RawMessage `json:"user"`
		CourseKey string          `json:"course_key"`
		Mode      string          `json:"mode"`
	} `json:"data"`
}

// Decode does the job with encoding/json.
func Decode(in []byte) ([]byte, error) {
	var q question
	if err := json.Unmarshal(in, &q); err != nil {
		return nil, err
	}
	if q.Data.Mode == "" {
		return nil, errNoField
	}
	q.Data.Mode = replacement
	return json.Marshal(q)
}

// Scan does the job by hand, as patch.h does it, and appends the answer to dst.
func Scan(dst, in []byte) ([]byte, error) {
	for i := 0; i < len(in); i++ {
		if in[i] != '"' {
			continue
		}
		start := i + 1
		i = closing(in, start)
		if i+2 >= len(in) || in[i+1] != ':' || in[i+2] != '"' || string(in[start:i]) != key {
			continue
		}
		value := i + 3
		end := closing(in, value)
		if end >= len(in) {
			return dst, errNoField
		}
		dst = append(append(dst, in[:value]...), replacement...)
		return append(dst, in[end:]...), nil
	}
	return dst, errNoField
}

// closing returns where the string ends whose first byte is at i.
func closing(in []byte, i int) int {
	for i < len(in) && in[i] != '"' {
		if in[i] == '\\' {
			i++
		}
		i++
	}
	return i
}

// Answer is what in has to be answered with. It is found in a third way, so that
// the peers are not measured by themselves.
func Answer(in []byte) []byte {
	return bytes.Replace(in, []byte(`"`+key+`":"audit"`), []byte(`"`+key+`":"`+replacement+`"`), 1)
}
