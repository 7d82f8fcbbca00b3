package bundle

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
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
	if d, err := m.Limits.WorkTime(); err == nil && d > 0 && len(m.Schedules)+len(m.Jobs) > 0 {
		out = append(out, Sentence{Text: "May compute for " + d.String() + " at a time where nobody waits for it"})
	}
	out = append(out, m.slotSentences(known)...)
	for _, p := range m.Permissions {
		if s, err := hostapi.Sentence(p); err == nil {
			out = append(out, Sentence{Permission: p, Text: s})
		}
	}
	return out
}

// slotSentences says what an extension does in pages, and what people can ask of it
// there.
func (m Manifest) slotSentences(known Known) []Sentence {
	var out []Sentence
	var actions []string
	for _, h := range m.Slots {
		where := "at " + h.Slot
		if p, ok := known.Slot(h.Slot); ok {
			where = p.Sentence
		}
		whose := "what " + h.Target + " shows "
		if h.Target == DefaultTarget {
			whose = "what the page itself shows "
		}
		text := map[string]string{
			SlotInsert: "Shows something ", SlotHide: "Hides " + whose, SlotModify: "Changes " + whose,
			SlotReplace: "Shows something of its own in place of " + whose, SlotWrap: "Adds something before or after " + whose,
		}[h.Op] + where + h.When.sentence()
		if !slices.ContainsFunc(out, func(s Sentence) bool { return s.Text == text }) {
			out = append(out, Sentence{Text: text})
		}
		actions = append(actions, h.Actions...)
	}
	if len(actions) > 0 {
		slices.Sort(actions)
		out = append(out, Sentence{Text: "Can be asked by people in the page: " + strings.Join(slices.Compact(actions), ", ")})
	}
	return out
}

// sentence says to whom, as the end of a sentence.
func (w SlotWhen) sentence() (out string) {
	if len(w.Roles) > 0 {
		names := map[string]string{trellis.RoleLearner: "learners", trellis.RoleStaff: "course staff", trellis.RoleTenantAdmin: "those who run the tenant", trellis.RoleOperator: "operators"}
		who := make([]string, len(w.Roles))
		for i, r := range w.Roles {
			who[i] = names[r]
		}
		out += ", to " + strings.Join(who, " and ")
	}
	if w.Percent > 0 && w.Percent < 100 {
		out += fmt.Sprintf(", to %d of 100 people", w.Percent)
	}
	if len(w.Courses) > 0 {
		out += ", in " + strings.Join(w.Courses, ", ")
	}
	return out
}

// Plainly says what permissions mean, within a sentence.
func Plainly(permissions []string) string {
	words := make([]string, len(permissions))
	for i, p := range permissions {
		words[i] = p
		if s, err := hostapi.Sentence(p); err == nil {
			words[i] = lowerFirst(strings.TrimSuffix(s, "."))
		}
	}
	return strings.Join(words, "; ")
}

func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}
