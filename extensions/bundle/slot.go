package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
)

// SlotHook is a place in a page that an extension fills or changes.
type SlotHook struct {
	Slot      string          `json:"slot" doc:"The place in the page: one of the table Places in pages."`
	Op        string          `json:"op,omitempty" doc:"What it does there: insert (the default) shows something of its own; the others act on what somebody else shows. A course's own extension acts on what the page itself or extensions of the same course show, never on what the school's extensions do." enum:"insert,hide,modify,replace,wrap"`
	Target    string          `json:"target,omitempty" doc:"What hide, modify, replace and wrap act on: the ID of an extension, or default for what the page itself shows. insert has none."`
	Call      string          `json:"call,omitempty" doc:"Export that answers the tree, for insert and replace, which must have one."`
	Order     int             `json:"order,omitempty" doc:"Place among the others, 1 to 10,000: lower ones come first; what the page itself shows is at 50. 100 if absent."`
	RefreshOn []string        `json:"refresh_on,omitempty" doc:"Types of events, or prefixes with .*, that make what it shows stale: of the platform, or its own, which begin with its ID; at most 20. For insert and replace."`
	Actions   []string        `json:"actions,omitempty" doc:"Exports that buttons and forms in it may ask: at most 20. For insert, replace and wrap."`
	Title     string          `json:"title,omitempty" doc:"What the place is called for those who do not see it; at most 100 characters. The title of the extension if absent."`
	Patch     json.RawMessage `json:"patch,omitempty" doc:"Merge patch (RFC 7396) of the target's tree, an object: modify must have one."`
	Before    json.RawMessage `json:"before,omitempty" doc:"Tree that wrap shows before the target; wrap must have before or after."`
	After     json.RawMessage `json:"after,omitempty" doc:"Tree that wrap shows after the target."`
	When      SlotWhen        `json:"when,omitzero" doc:"To whom, and where; to everybody if absent."`
}

// SlotWhen says to whom something in a page is shown.
type SlotWhen struct {
	Roles   []string `json:"roles,omitempty" doc:"To those who have one of these roles in the course. Everybody with an account is a learner. To all if absent." enum:"learner,staff,tenant-admin,operator"`
	Courses []string `json:"courses,omitempty" doc:"In these courses: keys, or beginnings of keys with * at their end; at most 100. In all if absent."`
	Percent int      `json:"percent,omitempty" doc:"To so many of a hundred people, 1 to 100, always the same ones; a larger number only adds some. All if absent."`
}

// The operations on a place.
const (
	SlotInsert  = "insert"
	SlotHide    = "hide"
	SlotModify  = "modify"
	SlotReplace = "replace"
	SlotWrap    = "wrap"
)

// DefaultTarget is what operations on a place call that which the page itself shows
// there, and DefaultOrder is where that stands.
const (
	DefaultTarget = "default"
	DefaultOrder  = 50
)

// Bounds of what a manifest, and one line of it, may name. Of the first two so many
// do that no page becomes one extension's alone.
const (
	maxSlots     = 16 // of a manifest
	maxInPlace   = 3  // of them in one place
	maxRefreshes = 20
	maxActions   = 20
	maxCourses   = 100
)

// roleNames are the roles that a condition may name.
func roleNames() []string {
	return []string{trellis.RoleLearner, trellis.RoleStaff, trellis.RoleTenantAdmin, trellis.RoleOperator}
}

// checkSlots finds what is wrong with the slots by themselves, and fills in
// defaults. It returns how many there are.
func (m *Manifest) checkSlots(f *Faults, text texts, once func(at, what string)) int {
	if len(m.Slots) > maxSlots {
		f.add("slots", "has %d entries, of at most %d", len(m.Slots), maxSlots)
	}
	inPlace := map[string]int{}
	for i := range m.Slots {
		h, at := &m.Slots[i], fmt.Sprintf("slots[%d]", i)
		if h.Op == "" {
			h.Op = SlotInsert
		}
		if h.Order == 0 {
			h.Order = 100
		}
		once(at, "slot "+h.Slot+" "+h.Op+" "+h.Target+" "+h.Call)
		if inPlace[h.Slot]++; inPlace[h.Slot] == maxInPlace+1 {
			f.add(at+".slot", "is one too many in this place: at most %d", maxInPlace)
		}
		if !trellis.ValidType(h.Slot) {
			f.add(at+".slot", "must be the name of a place in a page")
		}
		if h.Order < 1 || h.Order > 10_000 {
			f.add(at+".order", "must lie between 1 and 10,000")
		}
		text(f, at+".title", &h.Title, 0, 100)
		h.checkOp(f, at, m.ID)
		h.checkCalls(f, at, m.ID)
		h.When.check(f, at+".when")
	}
	return len(m.Slots)
}

// checkOp holds the keys against the operation: each has its own.
func (h *SlotHook) checkOp(f *Faults, at, id string) {
	shows := h.Op == SlotInsert || h.Op == SlotReplace
	if !slices.Contains([]string{SlotInsert, SlotHide, SlotModify, SlotReplace, SlotWrap}, h.Op) {
		f.add(at+".op", "must be insert, hide, modify, replace or wrap")
		return
	}
	switch {
	case h.Op == SlotInsert && h.Target != "":
		f.add(at+".target", "insert acts on nothing: leave it out")
	case h.Op != SlotInsert && h.Target == "":
		f.add(at+".target", "must say what %s acts on: the ID of an extension, or %s", h.Op, DefaultTarget)
	case h.Target == id && id != "":
		f.add(at+".target", "is the extension itself")
	case h.Target != "" && h.Target != DefaultTarget && !idPattern.MatchString(h.Target):
		f.add(at+".target", "must be the ID of an extension, or %s", DefaultTarget)
	}
	switch {
	case shows && !exportPattern.MatchString(h.Call):
		f.add(at+".call", "must name an export of the module")
	case !shows && h.Call != "":
		f.add(at+".call", "%s calls nothing: leave it out", h.Op)
	}
	if h.Op == SlotModify && h.Patch == nil {
		f.add(at+".patch", "must be there: the changes to the target's tree")
	}
	for _, key := range []struct {
		name string
		raw  json.RawMessage
		op   string
	}{{"patch", h.Patch, SlotModify}, {"before", h.Before, SlotWrap}, {"after", h.After, SlotWrap}} {
		switch {
		case key.raw != nil && h.Op != key.op:
			f.add(at+"."+key.name, "belongs to %s: leave it out", key.op)
		case key.raw != nil && !isObject(key.raw):
			f.add(at+"."+key.name, "must be an object")
		}
	}
	if h.Op == SlotWrap && h.Before == nil && h.After == nil {
		f.add(at, "must have before or after: what wrap shows around the target")
	}
}

// checkCalls checks what makes it stale and what people may ask of it.
func (h *SlotHook) checkCalls(f *Faults, at, id string) {
	if len(h.RefreshOn) > 0 && h.Call == "" {
		f.add(at+".refresh_on", "%s shows nothing that could become stale: leave it out", h.Op)
	}
	if len(h.RefreshOn) > maxRefreshes {
		f.add(at+".refresh_on", "has %d entries, of at most %d", len(h.RefreshOn), maxRefreshes)
	}
	for i, p := range h.RefreshOn {
		where := fmt.Sprintf("%s.refresh_on[%d]", at, i)
		switch {
		case !trellis.ValidPattern(p) || p == "*":
			f.add(where, "must be the type of an event, or a prefix with .* for all below it")
		case !ours(p) && !strings.HasPrefix(p, id+"."):
			f.add(where, "must be an event of the platform, or one of its own, which begin with %s.", id)
		case slices.Contains(h.RefreshOn[:i], p):
			f.add(where, "stands here twice")
		}
	}
	if len(h.Actions) > 0 && h.Op != SlotInsert && h.Op != SlotReplace && h.Op != SlotWrap {
		f.add(at+".actions", "%s shows no buttons: leave it out", h.Op)
	}
	if len(h.Actions) > maxActions {
		f.add(at+".actions", "has %d entries, of at most %d", len(h.Actions), maxActions)
	}
	for i, a := range h.Actions {
		where := fmt.Sprintf("%s.actions[%d]", at, i)
		switch {
		case !exportPattern.MatchString(a):
			f.add(where, "must name an export of the module")
		case slices.Contains(h.Actions[:i], a):
			f.add(where, "stands here twice")
		}
	}
}

func (w *SlotWhen) check(f *Faults, at string) {
	for i, r := range w.Roles {
		if !slices.Contains(roleNames(), r) {
			f.add(fmt.Sprintf("%s.roles[%d]", at, i), "there is no role %.80q%s", r, near(r, roleNames()))
		}
	}
	if len(w.Courses) > maxCourses {
		f.add(at+".courses", "has %d entries, of at most %d", len(w.Courses), maxCourses)
	}
	for i, c := range w.Courses {
		key, prefix := strings.CutSuffix(c, "*")
		if _, err := trellis.ParseCourseKey(key); err != nil && !(prefix && validPrefix(key)) {
			f.add(fmt.Sprintf("%s.courses[%d]", at, i), "must be the key of a course, or the beginning of one with * at its end")
		}
	}
	if w.Percent < 0 || w.Percent > 100 {
		f.add(at+".percent", "must lie between 1 and 100")
	}
}

// validPrefix reports whether a course key may begin like this.
func validPrefix(s string) bool {
	const scheme = "course-v1:"
	if len(s) < len(scheme) {
		return strings.HasPrefix(scheme, s)
	}
	return len(s) < 256 && strings.HasPrefix(s, scheme) && !strings.ContainsAny(s[len(scheme):], "*/: \t\r\n") && strings.Count(s, "+") <= 2
}

// ours reports whether events of a pattern are the platform's.
func ours(pattern string) bool {
	return strings.HasPrefix(pattern, "org.openedx.") || strings.HasPrefix(pattern, "org.trellis.")
}

func isObject(raw json.RawMessage) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	return len(raw) > 0 && raw[0] == '{'
}

// checkSlotsAgainst finds what the slots name that there is not.
func (m Manifest) checkSlotsAgainst(f *Faults, known Known, export func(at, name string)) {
	for i, h := range m.Slots {
		at := fmt.Sprintf("slots[%d]", i)
		if _, ok := known.Slot(h.Slot); !ok {
			f.add(at+".slot", "there is no place %q in a page%s", h.Slot, near(h.Slot, placeNames(known.Slots)))
		}
		if h.Call != "" {
			export(at+".call", h.Call)
		}
		for j, a := range h.Actions {
			export(fmt.Sprintf("%s.actions[%d]", at, j), a)
		}
		for j, p := range h.RefreshOn {
			if ours(p) && !known.happens(p) {
				f.add(fmt.Sprintf("%s.refresh_on[%d]", at, j), "there is no live event %q%s", p, near(p, names(known.Events)))
			}
		}
		for _, t := range []struct {
			name string
			raw  json.RawMessage
		}{{"before", h.Before}, {"after", h.After}} {
			if t.raw == nil || known.Tree == nil {
				continue
			}
			if err := known.Tree(t.raw); err != nil {
				f.add(at+"."+t.name, "%s", err)
			}
		}
	}
}
