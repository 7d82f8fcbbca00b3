package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// Manifest is extension.json: what an extension is, what it asks for and where
// it takes part.
type Manifest struct {
	Schema      string          `json:"$schema,omitempty" doc:"Address of this schema, for editors."`
	ID          string          `json:"id" doc:"publisher.name, each of lower-case letters, digits and hyphens, a letter first: at most 40 and 60. org and trellis are no publishers."`
	Version     string          `json:"version" doc:"Semantic version: 1.2.0 or 1.2.0-rc.1. What is installed under one version stays what it is."`
	ABI         int             `json:"abi" doc:"Version of the host API that it was written for: 1."`
	Title       string          `json:"title" doc:"What it is called: 1 to 100 characters."`
	Description string          `json:"description,omitempty" doc:"What it does, in a sentence or two: at most 1,000 characters."`
	Homepage    string          `json:"homepage,omitempty" doc:"Where to read more: at most 500 characters."`
	Permissions []string        `json:"permissions,omitempty" doc:"What it asks to be allowed, each as the table Permissions has it, and once. Nothing if absent."`
	Settings    json.RawMessage `json:"settings,omitempty" doc:"JSON Schema of its settings, an object: which part of JSON Schema stands below. It has no settings if absent."`
	Secrets     []Secret        `json:"secrets,omitempty" doc:"Secrets that it wants to be given. Whoever enables it fills them in; secrets.get reads them."`
	Limits      Limits          `json:"limits,omitzero" doc:"What a call may use, where that is not as usual."`
	Isolation   string          `json:"isolation,omitempty" doc:"Whether each call begins afresh (pristine, the default) or a tenant's instance keeps its state (pinned), which a WASI command cannot." enum:"pristine,pinned"`
	Filters     []FilterHook    `json:"filters,omitempty" doc:"What it wants to be asked before."`
	Events      []EventHook     `json:"events,omitempty" doc:"What it wants to be told of, after it has happened. All hooks together are 1 to 200."`
	Schedules   []ScheduleHook  `json:"schedules,omitempty" doc:"When it wants to be called."`
	Jobs        []JobHook       `json:"jobs,omitempty" doc:"Work in the background that it may ask for."`
	Slots       []SlotHook      `json:"slots,omitempty" doc:"Places in pages that it fills or changes: 16 at most, and 3 of them in one place."`

	Blocks       []json.RawMessage `json:"blocks,omitempty" doc:"Not supported by this version: must be empty."`
	Graders      []json.RawMessage `json:"graders,omitempty" doc:"Not supported by this version: must be empty."`
	Routes       []json.RawMessage `json:"routes,omitempty" doc:"Not supported by this version: must be empty."`
	Destinations []json.RawMessage `json:"destinations,omitempty" doc:"Not supported by this version: must be empty."`
	Theme        json.RawMessage   `json:"theme,omitempty" doc:"Not supported by this version: must be absent or null."`
}

// Secret names a secret that an extension wants to be given.
type Secret struct {
	Name  string `json:"name" doc:"What the extension calls it: at most 64 lower-case letters, digits, _ and -, a letter first."`
	Title string `json:"title" doc:"What it is, for people: 1 to 200 characters."`
}

// Limits says what a call may use where that is not as usual: less or more memory,
// less time, and more work where nobody waits for it.
type Limits struct {
	Memory string `json:"memory,omitempty" doc:"Linear memory: 1MiB to 64MiB. 16MiB if absent."`
	Time   string `json:"time,omitempty" doc:"Wall time of a call, at most: 1ms to 250ms. If absent, what the operator says (modules.time): 250ms."`
	Work   string `json:"work,omitempty" doc:"Wall time of a call of a schedule or a job, and how much it may compute: more than 250ms, 10m at most, such as 10s. An operator sets how much at most (modules.work: 1m). As any other call if absent."`
}

// FilterHook is a filter that an extension takes part in.
type FilterHook struct {
	On      string `json:"on" doc:"Type of the filter, each once; GET /api/v1/catalogue has them."`
	Call    string `json:"call" doc:"Export to call."`
	Order   int    `json:"order,omitempty" doc:"Place in the chain, 1 to 10,000: lower ones are asked first. 100 if absent."`
	OnError string `json:"on_error,omitempty" doc:"What happens when the extension fails: refuse (the default) or skip." enum:"refuse,skip"`
}

// EventHook is a kind of event that an extension hears.
type EventHook struct {
	On   string `json:"on" doc:"Type of the event, or a prefix with .* for all below it."`
	Call string `json:"call" doc:"Export to call."`
}

// ScheduleHook is a time at which an extension is called.
type ScheduleHook struct {
	Name string `json:"name" doc:"What the schedule is called: at most 64 lower-case letters, digits, _ and -, a letter first."`
	Cron string `json:"cron" doc:"When, in UTC: minute, hour, day, month and weekday, as cron has them: 20 3 * * * is each night at 3:20."`
	Call string `json:"call" doc:"Export to call."`
}

// JobHook is work in the background.
type JobHook struct {
	Name string `json:"name" doc:"What the work is called, as jobs.enqueue names it: at most 64 lower-case letters, digits, _ and -, a letter first."`
	Call string `json:"call" doc:"Export to call."`
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
func ReadManifest(raw []byte) (Manifest, error) { return readManifest(raw, false) }

// ReadKept reads the extension.json of a bundle that was taken in already, perhaps
// when less was asked of its words. What no line may hold is taken out of these: an
// extension that is installed does not go away, with all that it refuses, for how it
// is called.
func ReadKept(raw []byte) (Manifest, error) { return readManifest(raw, true) }

func readManifest(raw []byte, kept bool) (Manifest, error) {
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
	m.check(&faults, kept)
	if len(faults) > 0 {
		return m, trellis.Errorf(trellis.Invalid, "extension.json: %w", faults)
	}
	return m, nil
}

// parse returns the limits as the runtime takes them, zero where none is named.
func (l Limits) parse() (runtime.Limits, error) {
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
	_, err := l.WorkTime()
	return out, err
}

// mostWork is what limits.work may ask for at most, whatever an operator says.
const mostWork = 10 * time.Minute

// WorkTime returns how long a call of a schedule or a job may work; 0 if as any other.
func (l Limits) WorkTime() (time.Duration, error) {
	if l.Work == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(l.Work)
	if err != nil || d <= 250*time.Millisecond || d > mostWork {
		return 0, fmt.Errorf("work: must be more than 250ms and at most %v", mostWork)
	}
	return d, nil
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
