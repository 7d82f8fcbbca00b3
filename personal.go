package trellis

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// The classes of personal data, as the tag `pii:"…"` names them and permissions
// grant them ("pii:email").
const (
	PIIName     = "name"
	PIIEmail    = "email"
	PIIUsername = "username"
	PIIIP       = "ip"
)

// PIIClasses returns every class of personal data.
func PIIClasses() []string { return []string{PIIName, PIIEmail, PIIUsername, PIIIP} }

// User is a person as payloads and answers name one (Open edX's UserData). In
// the event log and on the bus PII is empty; a reader that was granted some of
// it gets it filled in when the event is delivered.
type User struct {
	ID     string       `json:"id"`
	Number int64        `json:"number,omitempty"` // the same person, for systems that want an integer
	Active bool         `json:"is_active"`
	PII    PersonalData `json:"pii,omitzero"`
}

// PersonalData is what a [User] is called and reached by (Open edX's
// UserPersonalData).
type PersonalData struct {
	Username string `json:"username,omitempty" pii:"username"`
	Email    string `json:"email,omitempty" pii:"email"`
	Name     string `json:"name,omitempty" pii:"name"`
}

// Eraser forgets a person of the tenant of ctx in whatever it keeps. Erasing
// somebody twice is no error, so that it can be repeated until it succeeds.
type Eraser interface {
	Erase(ctx context.Context, person string) error
}

// Redact returns v without the fields tagged `pii` whose class keep refuses; a
// nil keep refuses all. What v points to is copied where it changes, never
// written to.
func Redact[T any](v T, keep func(class string) bool) T {
	if keep == nil {
		keep = func(string) bool { return false }
	}
	rv := reflect.ValueOf(&v).Elem()
	if rv.Kind() != reflect.Interface && !holdsPersonal(rv.Type()) {
		return v
	}
	redact(rv, keep)
	return v
}

// redact clears in the addressable v what keep refuses, copying what v refers to.
func redact(v reflect.Value, keep func(string) bool) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if class := f.Tag.Get("pii"); class != "" {
				if f.IsExported() && !keep(class) {
					v.Field(i).SetZero()
				}
			} else if f.IsExported() && holdsPersonal(f.Type) {
				redact(v.Field(i), keep)
			}
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return
		}
		c := reflect.New(v.Elem().Type()).Elem()
		c.Set(v.Elem())
		redact(c, keep)
		if v.Kind() == reflect.Pointer {
			c = c.Addr()
		}
		v.Set(c)
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(c, v)
		for i := range c.Len() {
			redact(c.Index(i), keep)
		}
		v.Set(c)
	case reflect.Array:
		for i := range v.Len() {
			redact(v.Index(i), keep)
		}
	case reflect.Map:
		if v.IsNil() {
			return
		}
		c := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(it.Value())
			redact(e, keep)
			c.SetMapIndex(it.Key(), e)
		}
		v.Set(c)
	}
}

var personalTypes sync.Map // reflect.Type → bool

// holdsPersonal reports whether a value of t can hold a field tagged pii.
func holdsPersonal(t reflect.Type) bool {
	if known, ok := personalTypes.Load(t); ok {
		return known.(bool)
	}
	found := searchPersonal(t, map[reflect.Type]bool{})
	personalTypes.Store(t, found)
	return found
}

func searchPersonal(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true // whatever it holds decides
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return searchPersonal(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if f.IsExported() && (f.Tag.Get("pii") != "" || searchPersonal(f.Type, seen)) {
				return true
			}
		}
	}
	return false
}

// PersonalField is a place in a JSON document where personal data stands.
type PersonalField struct {
	Path  []string // object keys from the root; "*" stands for every element of an array or map
	Class string
}

var personalFields sync.Map // reflect.Type → []PersonalField

// PersonalFields returns where documents of type t hold personal data. The
// caller must not change the result.
func PersonalFields(t reflect.Type) []PersonalField {
	if known, ok := personalFields.Load(t); ok {
		return known.([]PersonalField)
	}
	var fields []PersonalField
	appendPersonal(&fields, t, nil, nil)
	personalFields.Store(t, fields)
	return fields
}

func appendPersonal(fields *[]PersonalField, t reflect.Type, path []string, within []reflect.Type) {
	if slices.Contains(within, t) {
		return
	}
	within = append(within[:len(within):len(within)], t)
	switch t.Kind() {
	case reflect.Pointer:
		appendPersonal(fields, t.Elem(), path, within)
	case reflect.Slice, reflect.Array, reflect.Map:
		appendPersonal(fields, t.Elem(), append(path[:len(path):len(path)], "*"), within)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.IsExported() || name == "-" {
				continue
			}
			at := path
			if name == "" && !f.Anonymous {
				name = f.Name
			}
			if name != "" {
				at = append(path[:len(path):len(path)], name)
			}
			if class := f.Tag.Get("pii"); class != "" {
				*fields = append(*fields, PersonalField{at, class})
			} else {
				appendPersonal(fields, f.Type, at, within)
			}
		}
	}
}

// FillUsers decodes data, a JSON document of type t, calls fill with each
// [User] in it, and encodes it again. It returns data itself if t has no User.
func FillUsers(t reflect.Type, data []byte, fill func(*User) error) ([]byte, error) {
	if len(PersonalFields(t)) == 0 {
		return data, nil
	}
	v := reflect.New(t)
	if err := json.Unmarshal(data, v.Interface()); err != nil {
		return nil, fmt.Errorf("decode %s: %w", t, err)
	}
	if err := eachUser(v.Elem(), fill); err != nil {
		return nil, err
	}
	return json.Marshal(v.Interface())
}

func eachUser(v reflect.Value, fill func(*User) error) error {
	if u, ok := v.Addr().Interface().(*User); ok {
		return fill(u)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return eachUser(v.Elem(), fill)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := eachUser(v.Index(i), fill); err != nil {
				return err
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			e := reflect.New(v.Type().Elem()).Elem() // a map's values have no address
			e.Set(it.Value())
			if err := eachUser(e, fill); err != nil {
				return err
			}
			v.SetMapIndex(it.Key(), e)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				if err := eachUser(v.Field(i), fill); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
