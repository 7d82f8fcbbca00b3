package bundle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/adhocore/gronx"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/egress"
	"github.com/trellis-learning/trellis/internal/line"
	"github.com/trellis-learning/trellis/runtime"
)

// check finds what is wrong with a manifest by itself, and fills in defaults. The words
// of one that is kept are mended.
func (m *Manifest) check(f *Faults, kept bool) {
	text := checkText
	if kept {
		text = mendText
	}
	if parts := idPattern.FindStringSubmatch(m.ID); parts == nil {
		f.add("id", "must be publisher.name, each of lower-case letters, digits and hyphens")
	} else if reserved(parts[1]) {
		f.add("id", "the publisher %s is reserved", parts[1])
	}
	if !versionPattern.MatchString(m.Version) {
		f.add("version", "must be a semantic version, such as 1.2.0")
	}
	if m.ABI != hostapi.Version {
		f.add("abi", "must be %d", hostapi.Version)
	}
	text(f, "title", &m.Title, 1, 100)
	text(f, "description", &m.Description, 0, 1000)
	text(f, "homepage", &m.Homepage, 0, 500)
	if m.Isolation == "" {
		m.Isolation = runtime.Pristine.String()
	}
	if m.Isolation != runtime.Pristine.String() && m.Isolation != runtime.Pinned.String() {
		f.add("isolation", "must be pristine or pinned")
	}
	m.checkPermissions(f)
	settings, err := ParseSettings(m.Settings)
	if err == nil && !kept {
		err = settings.root.words("")
	}
	if err != nil {
		f.add("settings", "%s", err)
	}
	for i := range m.Secrets {
		s := &m.Secrets[i]
		if !namePattern.MatchString(s.Name) {
			f.add(fmt.Sprintf("secrets[%d].name", i), "must be lower-case letters, digits, _ and -")
		}
		text(f, fmt.Sprintf("secrets[%d].title", i), &s.Title, 1, 200)
	}
	if _, err := m.Limits.parse(); err != nil {
		f.add("limits", "%s", err)
	}
	m.checkHooks(f, text)
	for _, later := range []struct {
		name string
		set  bool
	}{{"blocks", len(m.Blocks) > 0}, {"graders", len(m.Graders) > 0}, {"routes", len(m.Routes) > 0},
		{"destinations", len(m.Destinations) > 0}, {"theme", len(m.Theme) > 0 && string(m.Theme) != "null"}} {
		if later.set {
			f.add(later.name, "not supported by this version")
		}
	}
}

// CheckPublisher refuses what cannot be the first half of an ID.
func CheckPublisher(publisher string) error {
	switch {
	case !idPattern.MatchString(publisher + ".x"):
		return trellis.Errorf(trellis.Invalid, "%.80q cannot be a publisher", publisher)
	case reserved(publisher):
		return trellis.Errorf(trellis.Invalid, "the publisher %s is reserved", publisher)
	}
	return nil
}

// ParseID returns the two halves of an extension's ID.
func ParseID(id string) (publisher, name string, err error) {
	parts := idPattern.FindStringSubmatch(id)
	switch {
	case parts == nil:
		return "", "", trellis.Errorf(trellis.Invalid, "%.80q is not publisher.name, each of lower-case letters, digits and hyphens", id)
	case reserved(parts[1]):
		return "", "", trellis.Errorf(trellis.Invalid, "the publisher %s is reserved", parts[1])
	}
	return parts[1], parts[2], nil
}

// reserved reports whether a publisher's name is nobody's to use: its types would
// look like the platform's own.
func reserved(publisher string) bool { return publisher == "org" || publisher == "trellis" }

func (m *Manifest) checkPermissions(f *Faults) {
	for i, p := range m.Permissions {
		at := fmt.Sprintf("permissions[%d]", i)
		host, isHTTP := strings.CutPrefix(p, "http:")
		switch _, err := hostapi.Sentence(p); {
		case err != nil:
			f.add(at, "%s", err)
		case !hostapi.Grantable(p):
			f.add(at, "%s is for people, not for extensions", p)
		case slices.Contains(m.Permissions[:i], p):
			f.add(at, "%s stands here twice", p)
		case isHTTP:
			if err := egress.ValidHost(host); err != nil {
				f.add(at, "%s", err)
			}
		}
	}
}

func (m *Manifest) checkHooks(f *Faults, text texts) {
	calls := 0
	export := func(at, name string) {
		calls++
		if !exportPattern.MatchString(name) {
			f.add(at+".call", "must name an export of the module")
		}
	}
	seen := map[string]bool{}
	once := func(at, what string) {
		if seen[what] {
			f.add(at, "stands here twice")
		}
		seen[what] = true
	}
	for i := range m.Filters {
		h, at := &m.Filters[i], fmt.Sprintf("filters[%d]", i)
		export(at, h.Call)
		once(at, "filter "+h.On)
		if !trellis.ValidType(h.On) {
			f.add(at+".on", "must be the type of a filter")
		}
		if h.Order == 0 {
			h.Order = 100
		}
		if h.Order < 1 || h.Order > 10_000 {
			f.add(at+".order", "must lie between 1 and 10,000")
		}
		if h.OnError == "" {
			h.OnError = "refuse"
		}
		if h.OnError != "refuse" && h.OnError != "skip" {
			f.add(at+".on_error", "must be refuse or skip")
		}
	}
	for i, h := range m.Events {
		at := fmt.Sprintf("events[%d]", i)
		export(at, h.Call)
		once(at, "event "+h.On+" "+h.Call)
		if !trellis.ValidPattern(h.On) || h.On == "*" {
			f.add(at+".on", "must be the type of an event, or a prefix with .* for all below it")
		}
	}
	for i, h := range m.Schedules {
		at := fmt.Sprintf("schedules[%d]", i)
		export(at, h.Call)
		once(at, "schedule "+h.Name)
		if !namePattern.MatchString(h.Name) {
			f.add(at+".name", "must be lower-case letters, digits, _ and -")
		}
		if len(strings.Fields(h.Cron)) != 5 || !gronx.IsValid(h.Cron) {
			f.add(at+".cron", "must be minute, hour, day, month and weekday")
		}
	}
	for i, h := range m.Jobs {
		at := fmt.Sprintf("jobs[%d]", i)
		export(at, h.Call)
		once(at, "job "+h.Name)
		if !namePattern.MatchString(h.Name) {
			f.add(at+".name", "must be lower-case letters, digits, _ and -")
		}
	}
	calls += m.checkSlots(f, text, once)
	if calls == 0 {
		f.add("", "it takes part in nothing: name filters, events, schedules, jobs or slots")
	}
	if calls > 200 {
		f.add("", "it has %d hooks, of at most 200", calls)
	}
}

// texts does what is to be done with a text that people read among what others have
// written.
type texts func(f *Faults, path string, s *string, least, most int)

// checkText finds what is wrong with it.
func checkText(f *Faults, path string, s *string, least, most int) {
	if fault := line.Fault(*s); fault != "" {
		f.add(path, "%s", fault)
		return
	}
	if _, err := line.Clean("it", *s, least, most); err != nil {
		f.add(path, "must have %d to %d characters that one sees", least, most)
	}
}

// mendText takes out what is wrong with it.
func mendText(_ *Faults, _ string, s *string, _, _ int) { *s, _ = line.Mend(*s) }
