package main

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

// local answers the operations of a guest that runs without a platform: there are
// settings, notes that last for this run, and events that nobody hears.
type local struct {
	settings    json.RawMessage
	extension   string   // its ID, which the types of its events begin with; "" for a module alone
	permissions []string // those that its manifest asks for
	reads       bool     // whether the hook may only read, as filters and slots may
	note        func(format string, args ...any)

	mu    sync.Mutex
	lacks string // the last operation that only a platform answers
	notes map[string]extensions.Note
}

// Call implements [runtime.Host].
func (l *local) Call(_ context.Context, operation string, in []byte) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case operation == "config.get":
		if l.settings != nil {
			return l.settings, nil
		}
		return []byte("{}"), nil
	case operation == "log.write":
		var line extensions.LogInput
		if err := decode(in, &line); err != nil {
			return nil, err
		}
		l.note("log: %s", line.Message)
		return []byte("{}"), nil
	case operation == "kv.get" && l.extension != "":
		return perform(l, "kv", false, in, l.get)
	case operation == "kv.list" && l.extension != "":
		return perform(l, "kv", false, in, l.list)
	case operation == "kv.set" && l.extension != "":
		return perform(l, "kv", true, in, l.set)
	case operation == "kv.delete" && l.extension != "":
		return perform(l, "kv", true, in, l.remove)
	case operation == "events.emit" && l.extension != "":
		return perform(l, "events:emit", true, in, l.emit)
	}
	l.lacks = operation
	l.note("%s was asked for: there is no platform here that could answer it. Install the extension to try that.", operation)
	return nil, trellis.Errorf(trellis.Denied, "there is no platform here that could answer %.80q", operation)
}

// decode reads the input of an operation as strictly as the platform does.
func decode[T any](in []byte, to *T) error {
	if err := bundle.Exact(in, reflect.TypeFor[T]()); err != nil {
		return trellis.Errorf(trellis.Invalid, "%w", err)
	}
	return trellis.DecodeStrict(in, to)
}

// perform performs an operation, if the extension may.
func perform[In, Out any](l *local, permission string, writes bool, raw []byte, do func(In) (Out, error)) ([]byte, error) {
	switch {
	case !slices.Contains(l.permissions, permission):
		return nil, trellis.Errorf(trellis.Denied, "the manifest does not ask for the permission %s", permission)
	case writes && l.reads:
		return nil, trellis.Errorf(trellis.Denied, "nothing is written within a filter, nor in what a page shows")
	}
	var in In
	if err := decode(raw, &in); err != nil {
		return nil, err
	}
	out, err := do(in)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

func (l *local) get(in extensions.KeyInput) (extensions.Value, error) {
	n, ok := l.notes[in.Key]
	if !ok {
		return extensions.Value{Value: json.RawMessage("null")}, nil
	}
	return extensions.Value{Value: n.Value, Version: n.Version}, nil
}

func (l *local) set(in extensions.Keep) (extensions.Version, error) {
	if err := in.Check(); err != nil {
		return extensions.Version{}, err
	}
	version := l.notes[in.Key].Version
	if in.IfVersion != nil && *in.IfVersion != version {
		return extensions.Version{}, trellis.Errorf(trellis.Conflict, "the note %q has version %d, not %d", in.Key, version, *in.IfVersion)
	}
	version++
	l.notes[in.Key] = extensions.Note{Key: in.Key, Value: slices.Clone(in.Value), Version: version}
	l.note("kept: %s = %s (version %d)", in.Key, in.Value, version)
	return extensions.Version{Version: version}, nil
}

func (l *local) remove(in extensions.KeyInput) (extensions.Done, error) {
	if _, ok := l.notes[in.Key]; ok {
		delete(l.notes, in.Key)
		l.note("removed: %s", in.Key)
	}
	return extensions.Done{}, nil
}

func (l *local) list(in extensions.KeyList) (extensions.Notes, error) {
	if in.Limit == 0 {
		in.Limit = 50
	}
	if in.Limit < 0 || in.Limit > 200 {
		return extensions.Notes{}, trellis.Errorf(trellis.Invalid, "the limit lies between 1 and 200")
	}
	var keys []string
	for key := range l.notes {
		if strings.HasPrefix(key, in.Prefix) && key > in.After {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	out := extensions.Notes{Items: []extensions.Note{}}
	for i, key := range keys {
		if i == in.Limit {
			out.Next = keys[i-1]
			break
		}
		out.Items = append(out.Items, l.notes[key])
	}
	return out, nil
}

func (l *local) emit(in extensions.Emit) (extensions.Emitted, error) {
	if err := in.Check(l.extension); err != nil {
		return extensions.Emitted{}, err
	}
	data := in.Data
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	l.note("emitted: %s %s", in.Type, data)
	return extensions.Emitted{ID: trellis.NewID()}, nil
}
