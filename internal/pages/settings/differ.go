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
		if text := t.present(); f.present() != text {
			f.Other = cmp.Or(text, "nothing")
		}
	}
}

// present is the value of a field in words.
func (f Field) present() string {
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
