package bundle

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"github.com/trellis-learning/trellis"
)

// Exact checks that every key of a JSON document is, letter by letter, one that
// its type has, and stands there once. Decoding alone is not that strict: it takes
// "Name", "NAME" and even "\u017fum" for "sum", and of two keys the last. Faults
// are [trellis.Invalid].
func Exact(raw []byte, t reflect.Type) error {
	var faults Faults
	unknownKeys(&faults, raw, t, "")
	if len(faults) > 0 {
		return trellis.Errorf(trellis.Invalid, "%w", faults)
	}
	return nil
}

// unknownKeys finds the keys of a document that its type does not have, and
// those that stand there twice.
func unknownKeys(faults *Faults, raw []byte, t reflect.Type, path string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
	case t.Kind() == reflect.Slice:
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) == nil {
			for i, item := range items {
				unknownKeys(faults, item, t.Elem(), path+"["+strconv.Itoa(i)+"]")
			}
		}
	case t.Kind() == reflect.Map:
		var items map[string]json.RawMessage
		if json.Unmarshal(raw, &items) == nil {
			for name, item := range items {
				unknownKeys(faults, item, t.Elem(), strings.TrimPrefix(path+"."+name, "."))
			}
		}
	case t.Kind() == reflect.Struct:
		dec := json.NewDecoder(bytes.NewReader(raw))
		if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
			return // decoding says so
		}
		seen := map[string]bool{}
		for dec.More() {
			tok, err := dec.Token()
			key, ok := tok.(string)
			if err != nil || !ok {
				return
			}
			at := strings.TrimPrefix(path+"."+key, ".")
			var value json.RawMessage
			if err := dec.Decode(&value); err != nil {
				return
			}
			f, ok := fieldByKey(t, key)
			switch {
			case !ok:
				faults.add(at, "unknown key; %s%s", allowed(t), near(key, keysOf(t)))
			case seen[key]:
				faults.add(at, "stands here twice")
			default:
				unknownKeys(faults, value, f.Type, at)
			}
			seen[key] = true
		}
	}
}

// keysOf returns the keys that documents of a type may have.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		switch {
		case f.Anonymous && tag == "" && f.Type.Kind() == reflect.Struct:
			keys = append(keys, keysOf(f.Type)...)
		case tag == "-" || !f.IsExported():
		case name == "":
			keys = append(keys, f.Name)
		default:
			keys = append(keys, name)
		}
	}
	return keys
}

// allowed is the end of a sentence about a key that there is not.
func allowed(t reflect.Type) string {
	keys := keysOf(t)
	if len(keys) == 0 {
		return "none may stand here"
	}
	return "here may stand " + strings.Join(keys, ", ")
}

func fieldByKey(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && f.Tag.Get("json") == "" && f.Type.Kind() == reflect.Struct {
			if inner, ok := fieldByKey(f.Type, key); ok {
				return inner, true
			}
		}
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		if name == "" {
			name = f.Name
		}
		if name == key && tag != "-" && f.IsExported() {
			return f, true
		}
	}
	return reflect.StructField{}, false
}
