package pages

import (
	"net/url"
	"strings"

	"github.com/trellis-learning/trellis/extensions"
)

// entered puts back into a form what was entered.
func entered(list []setting, sent url.Values) {
	for i := range list {
		f := &list[i]
		if f.Kind != groupKind && f.Kind != jsonKind && sent.Has(f.Name+".json") { // it was JSON in the form that was sent
			f.Kind, f.Name, f.Options = jsonKind, f.Name+".json", nil
		}
		switch f.Kind {
		case groupKind:
			entered(f.Parts, sent)
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

// blame puts faults at their fields: those of reading by the field's ID, those of
// the schema by a JSON Pointer, whose deepest field gets it. It returns the faults
// for the summary, in the order of the form.
func blame(list []setting, faults []settingFault, more extensions.Faults) []settingFault {
	var general []settingFault
	for _, f := range faults {
		if !mark(list, f.Text, func(s *setting) bool { return s.ID == f.Field }) {
			general = append(general, settingFault{Text: f.Text})
		}
	}
	for _, f := range more {
		if !mark(list, f.Message, func(s *setting) bool { return s.Pointer == f.Path || strings.HasPrefix(f.Path, s.Pointer+"/") }) {
			general = append(general, settingFault{Text: f.Message})
		}
	}
	return append(faultsOf(list), general...)
}

func mark(list []setting, text string, is func(*setting) bool) bool {
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

func faultsOf(list []setting) (out []settingFault) {
	for _, f := range list {
		if f.Error != "" {
			out = append(out, settingFault{f.ID, f.Error})
		}
		out = append(out, faultsOf(f.Parts)...)
	}
	return out
}

// settingFault is what is wrong with the field of an ID, or with none of them, in
// the words that stand at the field.
type settingFault struct{ Field, Text string }
