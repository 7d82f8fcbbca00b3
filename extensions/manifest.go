package extensions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/adhocore/gronx"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/egress"
	"github.com/trellis-learning/trellis/runtime"
)

// Manifest is extension.json: what an extension is, what it asks for and where
// it takes part.
type Manifest struct {
	Schema      string          `json:"$schema,omitempty" doc:"Address of this schema, for editors."`
	ID          string          `json:"id" doc:"publisher.name, each of lower-case letters, digits and hyphens."`
	Version     string          `json:"version" doc:"Semantic version: 1.2.0."`
	ABI         int             `json:"abi" doc:"Version of the host API that it was written for: 1."`
	Title       string          `json:"title" doc:"What it is called."`
	Description string          `json:"description,omitempty" doc:"What it does, in a sentence or two."`
	Homepage    string          `json:"homepage,omitempty" doc:"Where to read more."`
	Permissions []string        `json:"permissions,omitempty" doc:"What it asks to be allowed."`
	Settings    json.RawMessage `json:"settings,omitempty" doc:"JSON Schema of its settings."`
	Secrets     []SecretSpec    `json:"secrets,omitempty" doc:"Secrets that it wants to be given."`
	Limits      LimitsSpec      `json:"limits,omitzero" doc:"Limits below those of the platform."`
	Isolation   string          `json:"isolation,omitempty" doc:"Whether each call begins afresh (pristine, the default) or a tenant's instance keeps its state (pinned)." enum:"pristine,pinned"`
	Filters     []FilterHook    `json:"filters,omitempty" doc:"What it wants to be asked before."`
	Events      []EventHook     `json:"events,omitempty" doc:"What it wants to be told of."`
	Schedules   []ScheduleHook  `json:"schedules,omitempty" doc:"When it wants to be called."`
	Jobs        []JobHook       `json:"jobs,omitempty" doc:"Work in the background that it may ask for."`

	Slots        []json.RawMessage `json:"slots,omitempty" doc:"Not supported by this version: must be empty."`
	Blocks       []json.RawMessage `json:"blocks,omitempty" doc:"Not supported by this version: must be empty."`
	Graders      []json.RawMessage `json:"graders,omitempty" doc:"Not supported by this version: must be empty."`
	Routes       []json.RawMessage `json:"routes,omitempty" doc:"Not supported by this version: must be empty."`
	Destinations []json.RawMessage `json:"destinations,omitempty" doc:"Not supported by this version: must be empty."`
	Theme        json.RawMessage   `json:"theme,omitempty" doc:"Not supported by this version: must be absent or null."`
}

// SecretSpec names a secret that an extension wants to be given.
type SecretSpec struct {
	Name  string `json:"name" doc:"What the extension calls it."`
	Title string `json:"title" doc:"What it is, for people."`
}

// LimitsSpec lowers the limits of a call.
type LimitsSpec struct {
	Memory string `json:"memory,omitempty" doc:"Linear memory: 16MiB."`
	Time   string `json:"time,omitempty" doc:"Wall time of a call: 50ms."`
}

// FilterHook is a filter that an extension takes part in.
type FilterHook struct {
	On      string `json:"on" doc:"Type of the filter."`
	Call    string `json:"call" doc:"Export to call."`
	Order   int    `json:"order,omitempty" doc:"Place in the chain: lower ones are asked first. 100 if absent."`
	OnError string `json:"on_error,omitempty" doc:"What happens when the extension fails: refuse (the default) or skip." enum:"refuse,skip"`
}

// EventHook is a kind of event that an extension hears.
type EventHook struct {
	On   string `json:"on" doc:"Type of the event, or a prefix with .* for all below it."`
	Call string `json:"call" doc:"Export to call."`
}

// ScheduleHook is a time at which an extension is called.
type ScheduleHook struct {
	Name string `json:"name" doc:"What the schedule is called."`
	Cron string `json:"cron" doc:"When, in UTC: minute, hour, day, month, weekday."`
	Call string `json:"call" doc:"Export to call."`
}

// JobHook is work in the background.
type JobHook struct {
	Name string `json:"name" doc:"What the work is called."`
	Call string `json:"call" doc:"Export to call."`
}

// Known says which filters and events there are: what cannot happen must not be
// waited for.
type Known struct {
	Filters []trellis.Spec
	Events  []trellis.Spec
}

// Filter returns the filter called name.
func (k Known) Filter(name string) (trellis.Spec, bool) { return named(k.Filters, name) }

// Event returns the event type called name.
func (k Known) Event(name string) (trellis.Spec, bool) { return named(k.Events, name) }

func named(specs []trellis.Spec, name string) (trellis.Spec, bool) {
	i := slices.IndexFunc(specs, func(s trellis.Spec) bool { return s.Name == name })
	if i < 0 {
		return trellis.Spec{}, false
	}
	return specs[i], true
}

var (
	idPattern      = regexp.MustCompile(`^([a-z][a-z0-9-]{0,39})\.([a-z][a-z0-9-]{0,59})$`)
	versionPattern = regexp.MustCompile(`^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(-[0-9A-Za-z.-]{1,64})?$`)
	exportPattern  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$`)
	namePattern    = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)
)

// maxManifest bounds extension.json.
const maxManifest = 256 << 10

// ReadManifest reads extension.json strictly: a key that it does not know, in
// whatever depth, is a fault, and all faults are found at once ([Faults]).
func ReadManifest(raw []byte) (Manifest, error) {
	var m Manifest
	if len(raw) > maxManifest {
		return m, trellis.Errorf(trellis.Invalid, "extension.json has %d bytes, of at most %d", len(raw), maxManifest)
	}
	if !utf8.Valid(raw) {
		return m, trellis.Errorf(trellis.Invalid, "extension.json is not UTF-8")
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	var faults Faults
	unknownKeys(&faults, raw, reflect.TypeFor[Manifest](), "")
	if len(faults) > 0 {
		return m, trellis.Errorf(trellis.Invalid, "extension.json: %w", faults)
	}
	if err := trellis.DecodeStrict(raw, &m); err != nil {
		return m, trellis.Errorf(trellis.Invalid, "extension.json: %s", err)
	}
	m.check(&faults)
	if len(faults) > 0 {
		return m, trellis.Errorf(trellis.Invalid, "extension.json: %w", faults)
	}
	return m, nil
}

// unknownKeys finds the keys of a document that its type does not have, and
// those that stand there twice.
func unknownKeys(faults *Faults, raw []byte, t reflect.Type, path string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
	case t.Kind() == reflect.Slice:
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) == nil {
			for i, item := range items {
				unknownKeys(faults, item, t.Elem(), path+"["+strconv.Itoa(i)+"]")
			}
		}
	case t.Kind() == reflect.Struct:
		dec := json.NewDecoder(bytes.NewReader(raw))
		if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
			return // decoding says so
		}
		seen := map[string]bool{}
		for dec.More() {
			tok, err := dec.Token()
			key, ok := tok.(string)
			if err != nil || !ok {
				return
			}
			at := strings.TrimPrefix(path+"."+key, ".")
			var value json.RawMessage
			if err := dec.Decode(&value); err != nil {
				return
			}
			f, ok := fieldByKey(t, key)
			switch {
			case !ok:
				faults.add(at, "unknown key")
			case seen[key]:
				faults.add(at, "stands here twice")
			default:
				unknownKeys(faults, value, f.Type, at)
			}
			seen[key] = true
		}
	}
}

func fieldByKey(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name == key {
			return t.Field(i), true
		}
	}
	return reflect.StructField{}, false
}

// check finds what is wrong with a manifest by itself, and fills in defaults.
func (m *Manifest) check(f *Faults) {
	if parts := idPattern.FindStringSubmatch(m.ID); parts == nil {
		f.add("id", "must be publisher.name, each of lower-case letters, digits and hyphens")
	} else if parts[1] == "org" || parts[1] == "trellis" {
		f.add("id", "the publisher %s is reserved", parts[1])
	}
	if !versionPattern.MatchString(m.Version) {
		f.add("version", "must be a semantic version, such as 1.2.0")
	}
	if m.ABI != hostapi.Version {
		f.add("abi", "must be %d", hostapi.Version)
	}
	text(f, "title", m.Title, 1, 100)
	text(f, "description", m.Description, 0, 1000)
	text(f, "homepage", m.Homepage, 0, 500)
	if m.Isolation == "" {
		m.Isolation = runtime.Pristine.String()
	}
	if m.Isolation != runtime.Pristine.String() && m.Isolation != runtime.Pinned.String() {
		f.add("isolation", "must be pristine or pinned")
	}
	m.checkPermissions(f)
	if _, err := ParseSettings(m.Settings); err != nil {
		f.add("settings", "%s", err)
	}
	for i, s := range m.Secrets {
		if !namePattern.MatchString(s.Name) {
			f.add(fmt.Sprintf("secrets[%d].name", i), "must be lower-case letters, digits, _ and -")
		}
		text(f, fmt.Sprintf("secrets[%d].title", i), s.Title, 1, 200)
	}
	if _, err := m.Limits.parse(); err != nil {
		f.add("limits", "%s", err)
	}
	m.checkHooks(f)
	for _, later := range []struct {
		name string
		set  bool
	}{{"slots", len(m.Slots) > 0}, {"blocks", len(m.Blocks) > 0}, {"graders", len(m.Graders) > 0}, {"routes", len(m.Routes) > 0},
		{"destinations", len(m.Destinations) > 0}, {"theme", len(m.Theme) > 0 && string(m.Theme) != "null"}} {
		if later.set {
			f.add(later.name, "not supported by this version")
		}
	}
}

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

func (m *Manifest) checkHooks(f *Faults) {
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
	if calls == 0 {
		f.add("", "it takes part in nothing: name filters, events, schedules or jobs")
	}
	if calls > 200 {
		f.add("", "it has %d hooks, of at most 200", calls)
	}
}

// CheckAgainst finds what does not fit together: hooks that the module does not
// export, filters and events that there are not.
func (m Manifest) CheckAgainst(exports []string, known Known) error {
	var f Faults
	export := func(at, name string) {
		if !slices.Contains(exports, name) {
			f.add(at+".call", "the module has no export %q of the form (i32, i32) -> i64%s", name, near(name, exports))
		}
	}
	for i, h := range m.Filters {
		at := fmt.Sprintf("filters[%d]", i)
		export(at, h.Call)
		if _, ok := known.Filter(h.On); !ok {
			f.add(at+".on", "there is no live filter %q%s", h.On, near(h.On, names(known.Filters)))
		}
	}
	for i, h := range m.Events {
		at := fmt.Sprintf("events[%d]", i)
		export(at, h.Call)
		ours := strings.HasPrefix(h.On, "org.openedx.") || strings.HasPrefix(h.On, "org.trellis.")
		if ours && !slices.ContainsFunc(known.Events, func(s trellis.Spec) bool { return trellis.MatchType(h.On, s.Name) }) {
			f.add(at+".on", "there is no live event %q%s", h.On, near(h.On, names(known.Events)))
		}
	}
	for i, h := range m.Schedules {
		export(fmt.Sprintf("schedules[%d]", i), h.Call)
	}
	for i, h := range m.Jobs {
		export(fmt.Sprintf("jobs[%d]", i), h.Call)
	}
	if len(f) > 0 {
		return trellis.Errorf(trellis.Invalid, "extension.json: %w", f)
	}
	return nil
}

func names(specs []trellis.Spec) []string {
	out := make([]string, len(specs))
	for i, s := range specs {
		out[i] = s.Name
	}
	return out
}

// near offers the name that was probably meant.
func near(name string, all []string) string {
	best, least := "", len(name)/3+1
	for _, a := range all {
		if d := distance(name, a); d < least {
			best, least = a, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// distance is how many letters must change to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := min(row[j+1], row[j]) + 1
			if a[i] == b[j] {
				next = min(next, diagonal)
			} else {
				next = min(next, diagonal+1)
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

func text(f *Faults, path, s string, least, most int) {
	if n := utf8.RuneCountInString(s); n < least || n > most || strings.ContainsFunc(s, unicode.IsControl) {
		f.add(path, "must have %d to %d printable characters", least, most)
	}
}

// parse returns the limits as the runtime takes them, zero where none is named.
func (l LimitsSpec) parse() (runtime.Limits, error) {
	var out runtime.Limits
	if l.Memory != "" {
		number, ok := strings.CutSuffix(l.Memory, "MiB")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 1 || n > 64 {
			return out, fmt.Errorf("memory: must be 1MiB to 64MiB")
		}
		out.Memory = n << 20
	}
	if l.Time != "" {
		d, err := time.ParseDuration(l.Time)
		if err != nil || d < time.Millisecond || d > 250*time.Millisecond {
			return out, fmt.Errorf("time: must be 1ms to 250ms")
		}
		out.Time = d
	}
	return out, nil
}

// RuntimeLimits returns the limits that the module runs within.
func (m Manifest) RuntimeLimits() (runtime.Limits, error) {
	l, err := m.Limits.parse()
	if m.Isolation == runtime.Pinned.String() {
		l.Isolation = runtime.Pinned
	}
	return l, err
}

// Publisher returns the first half of the ID.
func (m Manifest) Publisher() string {
	p, _, _ := strings.Cut(m.ID, ".")
	return p
}

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

// compareVersions orders two semantic versions (semver.org, section 11).
func compareVersions(a, b string) int {
	pa, pb := versionPattern.FindStringSubmatch(a), versionPattern.FindStringSubmatch(b)
	if pa == nil || pb == nil {
		return strings.Compare(a, b)
	}
	for i := 1; i <= 3; i++ {
		x, _ := strconv.Atoi(pa[i]) // the pattern takes nine digits at most
		y, _ := strconv.Atoi(pb[i])
		if x != y {
			return x - y
		}
	}
	switch {
	case pa[4] == pb[4]:
		return 0
	case pa[4] == "":
		return 1
	case pb[4] == "":
		return -1
	}
	return comparePrerelease(pa[4][1:], pb[4][1:])
}

func comparePrerelease(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		n, errN := strconv.ParseUint(x[i], 10, 64)
		m, errM := strconv.ParseUint(y[i], 10, 64)
		switch {
		case errN == nil && errM == nil && n != m:
			if n < m {
				return -1
			}
			return 1
		case errN == nil && errM != nil:
			return -1
		case errN != nil && errM == nil:
			return 1
		case x[i] != y[i] && errN != nil:
			return strings.Compare(x[i], y[i])
		}
	}
	return len(x) - len(y)
}
