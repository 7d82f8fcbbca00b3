package extensions

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

// Failure is something that went wrong with an extension, once or again and again.
type Failure struct {
	Message string    `json:"message" doc:"What went wrong, the last time."`
	Hook    string    `json:"hook" doc:"Export that ran."`
	Count   int       `json:"count" doc:"How often."`
	First   time.Time `json:"first" doc:"When it was seen first, as far as the log goes back."`
	Last    time.Time `json:"last" doc:"When it was seen last."`
	// Frames are where it was the last time, if it was a crash.
	Frames []symbol.Frame `json:"frames,omitempty" doc:"Where in its source the extension crashed the last time, the innermost function first, as far as its module tells."`
	Traces []string       `json:"traces" doc:"Requests in which it went wrong, the newest first, ten at most."`
}

// maxTraces is how many traces of a failure are named.
const maxTraces = 10

// varying is what differs from one time to the next: numbers, and names of memory;
// but first the places in a source, which are what tells two failures apart.
var varying = regexp.MustCompile(`[^\s()]*\.[A-Za-z]+:[0-9]+(:[0-9]+)?|0x[0-9a-f]+|[0-9]+(\.[0-9]+)?`)

// pattern returns what alike failures have in common: the message up to where it
// was, without numbers, and the place. Who called the function that crashed does
// not make it another failure.
func (l LogLine) pattern() string {
	message, place := l.Message, ""
	if len(l.Frames) > 0 {
		place = " at " + l.Frames[0].String()
		message, _, _ = strings.Cut(message, place)
	}
	return varying.ReplaceAllStringFunc(message, func(s string) string {
		if strings.Contains(s, ":") {
			return s
		}
		return "#"
	}) + place
}

// Failures returns what went wrong with an extension of an owner, as its log has
// it: those that are alike together, see pattern, the newest first.
func (r *Registry) Failures(ctx context.Context, extension string, owner Scope) ([]Failure, error) {
	lines, err := r.Logs(ctx, LogQuery{ID: extension, Course: owner.Course, Level: "error", Limit: keptLogLines})
	if err != nil {
		return nil, err
	}
	out := []Failure{}
	at := map[[2]string]int{}
	for _, l := range slices.Backward(lines.Items) {
		k := [2]string{l.Hook, l.pattern()}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, Failure{Message: l.Message, Hook: l.Hook, Last: l.Time, Frames: l.Frames, Traces: []string{}})
		}
		f := &out[i]
		f.Count++
		f.First = l.Time
		if l.Trace != "" && len(f.Traces) < maxTraces && !slices.Contains(f.Traces, l.Trace) {
			f.Traces = append(f.Traces, l.Trace)
		}
	}
	return out, nil
}

// addTrouble fills in how often extensions failed in the last day, what of them is
// left alone at the moment, and since when those are suspended that are. Of what belongs to the tenant only those hear who
// may see its log.
func (r *Registry) addTrouble(ctx context.Context, list []Extension, sees func(owner Scope) bool) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	r.logs.flush(ctx)
	type trouble struct {
		errors    int
		last      int64
		message   string
		suspended int64
	}
	all := map[string]trouble{}
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, `SELECT installation, time, message FROM extension_logs WHERE tenant = ? AND level = 'error' AND time > ?`,
			tenant, store.Micros(time.Now().Add(-24*time.Hour)))
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id, message string
			var at int64
			if err := rows.Scan(&id, &at, &message); err != nil {
				return err
			}
			t := all[id]
			if t.errors++; at >= t.last {
				t.last, t.message = at, message
			}
			all[id] = t
		}
		if err := rows.Err(); err != nil {
			return err
		}
		since, err := tx.Query(ctx, `SELECT id, suspended FROM installations WHERE tenant = ? AND state = 'suspended'`, tenant)
		if err != nil {
			return err
		}
		defer func() { _ = since.Close() }()
		for since.Next() {
			var id string
			var at int64
			if err := since.Scan(&id, &at); err != nil {
				return err
			}
			t := all[id]
			t.suspended = at
			all[id] = t
		}
		return since.Err()
	})
	if err != nil {
		return err
	}
	resting := r.resting(tenant)
	for i := range list {
		x := &list[i]
		t := all[x.Installation]
		if t.suspended > 0 {
			at := store.FromMicros(t.suspended)
			x.Suspended = &at
		}
		if !sees(Scope{Course: x.Course}) {
			continue
		}
		x.Resting = resting[x.Installation]
		if t.errors > 0 {
			at := store.FromMicros(t.last)
			x.Errors, x.LastError, x.LastErrorAt = t.errors, t.message, &at
		}
	}
	return nil
}

// resting says what of the installations of a tenant is left alone on this node.
func (r *Registry) resting(tenant string) map[string]*Resting {
	out := map[string]*Resting{}
	t := r.now.Load().tenants[tenant]
	if t == nil || !r.breaker.anyOpen() {
		return out
	}
	for _, in := range t.all {
		if in.state != installed {
			continue
		}
		for _, h := range r.hookStates(in) {
			if h.State != "open" {
				continue
			}
			x := out[in.id]
			if x == nil {
				x = &Resting{}
				out[in.id] = x
			}
			if x.Hooks++; h.Until.After(x.Until) {
				x.On, x.Failures, x.Reason, x.Since, x.Until = h.On, h.Failures, h.Reason, *h.Since, *h.Until
			}
		}
	}
	return out
}

// anyOpen reports whether anything is left alone.
func (b *breakers) anyOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range b.all {
		if x.open() {
			return true
		}
	}
	return false
}
