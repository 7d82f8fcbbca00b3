package examples_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
)

// kept is what a keeper keeps under a key.
type kept struct {
	Key     string          `json:"key"`
	Value   json.RawMessage `json:"value"`
	Version int64           `json:"version"`
}

// keeper is a host that keeps notes, with versions as the platform's have, and hears
// of events. It stops at an operation, if it is told to.
type keeper struct {
	notes  map[string]kept
	events []string
	calls  int
	stop   int // at this operation, counted from 1
}

func (k *keeper) Call(_ context.Context, operation string, in []byte) ([]byte, error) {
	var q struct {
		Key, Prefix, After, Type, Course string
		Value                            json.RawMessage
		IfVersion                        *int64 `json:"if_version"`
		Limit                            int
		Data                             any
	}
	if err := trellis.DecodeStrict(in, &q); err != nil {
		return nil, err
	}
	if k.calls++; k.calls == k.stop {
		return nil, trellis.Errorf(trellis.Unavailable, "not now")
	}
	switch operation {
	case "kv.get":
		return json.Marshal(k.notes[q.Key])
	case "kv.set":
		version := k.notes[q.Key].Version
		if q.IfVersion != nil && *q.IfVersion != version {
			return nil, trellis.Errorf(trellis.Conflict, "the note has version %d", version)
		}
		k.notes[q.Key] = kept{q.Key, q.Value, version + 1}
		return fmt.Appendf(nil, `{"version":%d}`, version+1), nil
	case "kv.delete":
		delete(k.notes, q.Key)
		return []byte(`{}`), nil
	case "kv.list":
		var keys []string
		for key := range k.notes {
			if strings.HasPrefix(key, q.Prefix) && key > q.After {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		next := ""
		if len(keys) > q.Limit {
			keys = keys[:q.Limit]
			next = keys[q.Limit-1]
		}
		items := make([]kept, len(keys))
		for i, key := range keys {
			items[i] = k.notes[key]
		}
		return json.Marshal(map[string]any{"items": items, "next": next})
	case "events.emit":
		k.events = append(k.events, q.Type+" "+q.Course)
		return []byte(`{"id":"e"}`), nil
	}
	return nil, trellis.Errorf(trellis.NotFound, "there is no operation %s", operation)
}
