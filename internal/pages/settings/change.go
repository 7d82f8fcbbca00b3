package settings

import (
	"encoding/json"
)

// Changed returns what of values is another than what holds where nothing is set:
// the rest stays unset, and follows the defaults and the tenant. If the result is a
// patch upon the tenant's settings, what values has not is taken away by null.
func Changed(values, base json.RawMessage, patch bool) json.RawMessage {
	v, _ := decode(values).(map[string]any)
	b, _ := decode(base).(map[string]any)
	out := map[string]any{}
	for name, value := range v {
		held, there := b[name]
		if there && same(value, held) || !there && value == false {
			continue
		}
		if patch {
			value = over(value, held)
		}
		out[name] = value
	}
	for name := range b {
		if _, there := v[name]; !there && patch {
			out[name] = nil
		}
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return json.RawMessage("{}")
	}
	return raw
}

// over is a value as a patch that leaves nothing of what was there.
func over(value, held any) any {
	v, ok := value.(map[string]any)
	h, also := held.(map[string]any)
	if !ok || !also {
		return value
	}
	out := map[string]any{}
	for name, part := range v {
		out[name] = over(part, h[name])
	}
	for name := range h {
		if _, there := v[name]; !there {
			out[name] = nil
		}
	}
	return out
}
