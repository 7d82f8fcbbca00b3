package pages

import (
	"cmp"
)

// differ notes at each field what somebody else has set.
func differ(mine, theirs []setting) {
	for i := range min(len(mine), len(theirs)) {
		f, t := &mine[i], &theirs[i]
		if f.Kind == groupKind {
			differ(f.Parts, t.Parts)
			continue
		}
		if text := t.Present(); f.Present() != text {
			f.Other = cmp.Or(text, "nothing")
		}
	}
}

// Present is the value of a field in words.
func (f setting) Present() string {
	switch f.Kind {
	case checkKind:
		return map[bool]string{true: "yes", false: "no"}[f.Checked]
	case radioKind, selectKind:
		for _, o := range f.Options {
			if o.Selected {
				return o.Label
			}
		}
		return ""
	}
	return f.Value
}
