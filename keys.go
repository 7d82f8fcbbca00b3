package trellis

import (
	"bytes"
	"encoding/json"
	"strings"
)

// keys are those of one object that were seen so far: few stand in a row, many in
// a map, too.
type keys struct {
	list []string
	set  map[string]bool
	fold bool // whether case is no difference
}

// fewKeys is how many keys are compared one by one.
const fewKeys = 16

// add notes a key, and reports whether it was there.
func (k *keys) add(key string) (twice bool) {
	if k.fold {
		key = foldedKey(key)
	}
	if k.set != nil {
		twice = k.set[key]
		k.set[key] = true
		return twice
	}
	for _, seen := range k.list {
		if seen == key {
			return true
		}
	}
	if k.list = append(k.list, key); len(k.list) > fewKeys {
		k.set = map[string]bool{}
		for _, seen := range k.list {
			k.set[seen] = true
		}
	}
	return false
}

// foldedKey makes equal what decoding takes for the same field: letters in either
// case, and the two letters beyond ASCII that fold to one within.
func foldedKey(key string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '\u017f': // long s
			return 's'
		case '\u212a': // the sign of kelvin
			return 'k'
		}
		return r
	}, strings.ToLower(key))
}

// twiceIn returns a key that stands twice in one object of a JSON document, which
// is known to be well formed.
func twiceIn(data []byte) (key string, twice bool) {
	var open []*keys // nil: an array
	next := false    // whether a string is a key
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{':
			open, next = append(open, &keys{fold: len(open) == 0}), true
		case '[':
			open, next = append(open, nil), false
		case '}', ']':
			open, next = open[:len(open)-1], false
		case ',':
			next = open[len(open)-1] != nil
		case '"':
			end := i + 1
			for data[end] != '"' {
				if data[end] == '\\' {
					end++
				}
				end++
			}
			if next {
				key := keyOf(data[i : end+1])
				if open[len(open)-1].add(key) {
					return key, true
				}
			}
			i, next = end, false
		}
	}
	return "", false
}

// keyOf reads a JSON string.
func keyOf(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return strings.ToValidUTF8(string(quoted[1:len(quoted)-1]), "\ufffd")
	}
	var key string
	if json.Unmarshal(quoted, &key) != nil {
		return string(quoted) // cannot be: the document was decoded
	}
	return key
}
