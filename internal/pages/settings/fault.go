package settings

import (
	"net/url"
	"strings"

	"github.com/trellis-learning/trellis/extensions/bundle"
)

// Enter puts back into a form what was entered.
func Enter(list []Field, sent url.Values) {
	for i := range list {
		f := &list[i]
		if f.Kind != groupKind && f.Kind != jsonKind && sent.Has(f.Name+".json") { // it was JSON in the form that was sent
			f.Kind, f.Name, f.Options = jsonKind, f.Name+".json", nil
		}
		switch f.Kind {
		case groupKind:
			Enter(f.Parts, sent)
		case checkKind:
			f.Checked = sent.Has(f.Name)
		case radioKind, selectKind:
			for j := range f.Options {
				f.Options[j].Selected = f.Options[j].Value == sent.Get(f.Name)
			}
		default:
			f.Value = strings.ReplaceAll(sent.Get(f.Name), "\r\n", "\n")
		}
	}
}

// Blame puts faults at their fields: those of reading by the field's ID, those of
// the schema by a JSON Pointer, whose deepest field gets it. It returns the faults
// for the summary, in the order of the form.
func Blame(list []Field, faults []Fault, more bundle.Faults) []Fault {
	var general []Fault
	for _, f := range faults {
		if !mark(list, f.Text, func(s *Field) bool { return s.ID == f.Field }) {
			general = append(general, Fault{Text: f.Text})
		}
	}
	for _, f := range more {
		if !mark(list, f.Message, func(s *Field) bool { return s.Pointer == f.Path || strings.HasPrefix(f.Path, s.Pointer+"/") }) {
			general = append(general, Fault{Text: f.Message})
		}
	}
	return append(faultsOf(list), general...)
}

func mark(list []Field, text string, is func(*Field) bool) bool {
	for i := range list {
		f := &list[i]
		if f.Kind == groupKind && mark(f.Parts, text, is) {
			return true
		}
		if is(f) {
			if f.Error == "" {
				f.Error = text
			}
			return true
		}
	}
	return false
}

func faultsOf(list []Field) (out []Fault) {
	for _, f := range list {
		if f.Error != "" {
			out = append(out, Fault{f.ID, f.Error})
		}
		out = append(out, faultsOf(f.Parts)...)
	}
	return out
}

// Fault is what is wrong with the field of an ID, or with none of them, in
// the words that stand at the field.
type Fault struct{ Field, Text string }
