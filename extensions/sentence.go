package extensions

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trellis-learning/trellis/hostapi"
)

// Sentence is something that an extension asks for, in plain words.
type Sentence struct {
	Permission string `json:"permission,omitempty" doc:"The permission that it is about; absent for a place that it takes part in."`
	Text       string `json:"text" doc:"What it means."`
}

// Sentences returns in plain words what an extension asks for: what it may do,
// and where it takes part.
func (m Manifest) Sentences(known Known) []Sentence {
	var out []Sentence
	for _, h := range m.Filters {
		doc := h.On
		if s, ok := known.Filter(h.On); ok {
			doc = strings.TrimSuffix(s.Doc, ".")
		}
		text := "May refuse or change what happens: " + lowerFirst(doc)
		if h.OnError == "refuse" {
			text += "; when it fails, nobody is let through"
		}
		out = append(out, Sentence{Text: text})
	}
	for _, h := range m.Events {
		doc := h.On
		if s, ok := known.Event(h.On); ok {
			doc = strings.TrimSuffix(s.Doc, ".")
		}
		out = append(out, Sentence{Text: "Is told: " + lowerFirst(doc)})
	}
	for _, h := range m.Schedules {
		out = append(out, Sentence{Text: "Works by itself at set times (" + h.Name + ": " + h.Cron + ")"})
	}
	for _, p := range m.Permissions {
		if s, err := hostapi.Sentence(p); err == nil {
			out = append(out, Sentence{Permission: p, Text: s})
		}
	}
	return out
}

func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}
