package team

import (
	"cmp"
	"strings"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

// verdict says what becomes of it when it is enabled.
type verdict struct{ State, Word, Text string }

// rightLine is something that an extension may do, or where it takes part.
type rightLine struct {
	Text       string
	Permission string // "" of a place that it takes part in, which comes with it
	Granted    bool
	Beyond     bool // whether somebody else must approve
	Held       bool // whether only somebody else can tick it
	New        bool
}

// rightGroup is several of one kind.
type rightGroup struct {
	Title string
	Lines []rightLine
}

// kindOfRight says in which group a permission stands: what it sees, changes,
// sends, does besides; or where it takes part.
func kindOfRight(permission string) int {
	switch {
	case permission == "":
		return 4
	case strings.HasPrefix(permission, "http:"):
		return 2
	case strings.HasSuffix(permission, ":write") || permission == "events:emit":
		return 1
	case strings.HasSuffix(permission, ":read") || strings.HasPrefix(permission, "pii:"):
		return 0
	}
	return 3
}

// checked says of a filter what is refused while it breaks, and what goes on where
// it is not asked.
func checked(filter string) (refused, goesOn string, known bool) {
	words := map[string][2]string{
		learning.EnrollmentStarted.Name():     {"enrolments are refused", "people are enrolled"},
		learning.UnenrollmentStarted.Name():   {"nobody can leave a course", "people leave courses"},
		learning.RegistrationRequested.Name(): {"nobody gets an account", "people get accounts"},
		learning.LoginRequested.Name():        {"nobody can sign in", "people sign in"},
	}
	w, known := words[filter]
	return w[0], w[1], known
}

// ending says what is no longer checked when the extension is gone.
func ending(d extensions.Detail) (list []string) {
	for _, h := range d.Hooks {
		if h.Kind != string(extensions.FilterKind) {
			continue
		}
		if _, goesOn, known := checked(h.On); known {
			list = append(list, "Its check ends: "+goesOn+" without it.")
		} else {
			list = append(list, "Its check ends: "+frame.Lowered(cmp.Or(h.Doc, h.On))+".")
		}
	}
	return list
}

// failing says what it means for others when the extension fails.
func failing(d extensions.Detail) (list []string) {
	kinds := map[string]bool{}
	for _, h := range d.Hooks {
		kinds[h.Kind] = true
		if h.Kind != string(extensions.FilterKind) {
			continue
		}
		refused, goesOn, known := checked(h.On)
		switch {
		case h.Refuses && known:
			list = append(list, frame.Sentence(refused))
		case h.Refuses:
			list = append(list, "Nobody is let through: "+frame.Lowered(cmp.Or(h.Doc, h.On))+".")
		case known:
			list = append(list, frame.Sentence(goesOn+" without being checked"))
		default:
			list = append(list, "Things go on without it: "+frame.Lowered(cmp.Or(h.Doc, h.On))+".")
		}
	}
	if kinds[string(extensions.SlotKind)] {
		list = append(list, "Pages leave out what it shows.")
	}
	if kinds[string(extensions.EventKind)] {
		list = append(list, "What it was to be told is told again later.")
	}
	return append(list, "If it goes on failing it is left alone for a while, and in the end suspended; what fails in pages only, just there.")
}

func limitsOf(d extensions.Detail, kept *extensions.KeptVersion) (list []string) {
	list = append(list, "Memory: "+cmp.Or(d.Limits.Memory, "16MiB")+", time of a call: "+cmp.Or(d.Limits.Time, "50ms")+".")
	if d.Limits.Work != "" {
		list = append(list, "Schedules and jobs may work for "+d.Limits.Work+" at a time.")
	}
	if d.Isolation == "pinned" {
		list = append(list, "It keeps its state from one call to the next.")
	} else {
		list = append(list, "Each call begins afresh: none sees what another left.")
	}
	if kept != nil && kept.Size > 0 {
		list = append(list, "Size of the bundle: "+frame.Size(kept.Size)+".")
	}
	return list
}

// judge says whether it runs at once.
func judge(at place, d extensions.Detail, v reviewPage) verdict {
	var beyond []string
	declined := false
	for _, g := range append([]rightGroup{{Lines: v.New}}, v.Groups...) {
		for _, l := range g.Lines {
			if l.Beyond && (l.Granted || l.Held) {
				beyond = append(beyond, l.Text)
			}
			declined = declined || l.Permission != "" && !l.Granted
		}
	}
	switch {
	case d.State == "stopped":
		return verdict{"bad", "Stopped", "Those who run the school have switched it off for everybody" + frame.Because(d.Reason) + "."}
	case !at.Write:
		return verdict{"info", "To read", "Whoever may change the extensions here decides about it."}
	case v.Consent && len(beyond) > 0:
		return verdict{"warn", "Needs those who run the school", "Only they grant: " + strings.Join(beyond, "; ") + ". They find it among their approvals and can let it run with that. You can let it run now, without."}
	case len(beyond) > 0:
		return verdict{"warn", "Waits for approval", "Because course staff may not grant this by themselves: " + strings.Join(beyond, "; ") + ". Without that it runs at once."}
	}
	if declined {
		return verdict{"ok", "Runs at once", "It gets what is ticked, and runs without the rest."}
	}
	return verdict{"ok", "Runs at once", "You can grant everything that it asks for."}
}
