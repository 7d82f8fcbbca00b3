package settings

import (
	"cmp"
)

// Differ notes at each field what somebody else has set.
func Differ(mine, theirs []Field) {
	for i := range min(len(mine), len(theirs)) {
		f, t := &mine[i], &theirs[i]
		if f.Kind == groupKind {
			Differ(f.Parts, t.Parts)
			continue
		}
		if text := t.Present(); f.Present() != text {
			f.Other = cmp.Or(text, "nothing")
		}
	}
}

// Present is the value of a field in words, for templates, too.
func (f Field) Present() string {
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
