package trellis

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// DecodeStrict decodes one JSON document into v, which must be a pointer. A key
// that v does not have, one that stands twice in an object, and anything after the
// document, is an error of kind [Invalid], as is every other fault of the input. In
// the outermost object keys that differ in case alone are the same, as they are for
// a field of v; below it they may be somebody's own data.
func DecodeStrict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return Errorf(Invalid, "%s", jsonFault(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Errorf(Invalid, "more than one JSON value")
	}
	if key, twice := twiceIn(data); twice {
		return Errorf(Invalid, "the key %.80q stands twice in one object", key)
	}
	return nil
}

// jsonFault says in the words of the input, not of Go, what is wrong with it.
func jsonFault(err error) string {
	var typ *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &typ) && typ.Field != "":
		return "field " + typ.Field + " cannot be a JSON " + typ.Value
	case errors.As(err, &typ):
		return "the value cannot be a JSON " + typ.Value
	case errors.As(err, &syntax):
		return "not JSON: " + syntax.Error()
	case errors.Is(err, io.EOF):
		return "no JSON value"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "not JSON: it ends too early"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}
