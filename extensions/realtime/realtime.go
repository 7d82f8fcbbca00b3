// Package realtime is the way of extending by real-time events: live streams of
// what happens, for pages, tools and services. This version has server-sent
// events, at /stream/sse; each event of the stream is a CloudEvent, and its id is
// the position from which a client that was cut off goes on.
package realtime

import (
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/metrics"
)

// Source is what streams follow.
type Source interface {
	Follow(ctx context.Context, from uint64, pattern string, h func(context.Context, trellis.Event) error) error
	Head() uint64
}

// Filler puts into a document the personal data that keep allows.
type Filler interface {
	FillPeople(ctx context.Context, t reflect.Type, data []byte, keep func(class string) bool) ([]byte, error)
}

// Authenticator knows whose token one is.
type Authenticator interface {
	Authenticate(ctx context.Context, tenant, token string) (trellis.Actor, error)
}

// Watcher is an [Authenticator] that tells when it is worth asking again: when
// something has happened to a token, or to the account of whose it is.
type Watcher interface {
	Watch(person, token string) (changed <-chan struct{}, stop func())
}

// Config is what streams are made of.
type Config struct {
	Source    Source
	People    Filler
	Types     []trellis.Spec // of events, to fill in people; others carry none
	Auth      Authenticator  // asked again and again whether a stream's token still holds, and when something happened to its owner; at once, if it is a [Watcher]
	Recheck   time.Duration  // how often: 10 s if zero
	Heartbeat time.Duration  // 15 s if zero
	PerActor  int            // streams of one actor: 16 if zero
	PerNode   int            // streams of this node: 10,000 if zero
	Logger    *slog.Logger
	Metrics   *metrics.Registry
}

// Realtime offers live streams. It is safe for concurrent use.
type Realtime struct {
	cfg   Config
	types map[string]reflect.Type

	mu    sync.Mutex
	open  map[string]int // streams by actor
	total int
}

// New returns the streams.
func New(cfg Config) *Realtime {
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 15 * time.Second
	}
	if cfg.Recheck == 0 {
		cfg.Recheck = 10 * time.Second
	}
	if cfg.PerActor == 0 {
		cfg.PerActor = 16
	}
	if cfg.PerNode == 0 {
		cfg.PerNode = 10_000
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Realtime{cfg: cfg, types: map[string]reflect.Type{}, open: map[string]int{}}
	for _, t := range cfg.Types {
		r.types[t.Name] = t.Data
	}
	return r
}

// enter counts a stream, or refuses it.
func (r *Realtime) enter(actor string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.open[actor] >= r.cfg.PerActor:
		return trellis.Exhaustedf(10*time.Second, "you have %d streams open, of at most %d", r.open[actor], r.cfg.PerActor)
	case r.total >= r.cfg.PerNode:
		return trellis.Exhaustedf(10*time.Second, "too many streams are open")
	}
	r.open[actor]++
	r.total++
	r.cfg.Metrics.Streams(r.total)
	return nil
}

func (r *Realtime) leave(actor string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[actor]--; r.open[actor] <= 0 {
		delete(r.open, actor)
	}
	r.total--
	r.cfg.Metrics.Streams(r.total)
}

// wish is which events a client wants.
type wish struct {
	types  []string // patterns; none is all
	course string
}

func (w wish) takes(e trellis.Event) bool {
	if w.course != "" && e.Course != w.course {
		return false
	}
	for _, p := range w.types {
		if trellis.MatchType(p, e.Type) {
			return true
		}
	}
	return len(w.types) == 0
}

// cloudEvent is an event in the JSON format of CloudEvents 1.0.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject,omitempty"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Tenant          string          `json:"tenant"`
	Actor           string          `json:"actor,omitempty"`
	Person          string          `json:"person,omitempty"`
	Course          string          `json:"course,omitempty"`
	Trace           string          `json:"trace,omitempty"`
	Cause           string          `json:"cause,omitempty"`
	Position        uint64          `json:"position"`
	Data            json.RawMessage `json:"data"`
}

// encode returns an event as a client gets it, with the personal data that the
// client may see.
func (r *Realtime) encode(ctx context.Context, e trellis.Event) ([]byte, error) {
	data := e.Data
	if t, ok := r.types[e.Type]; ok && r.cfg.People != nil {
		at := hostapi.Scope{Course: e.Course, Person: e.Person}
		filled, err := r.cfg.People.FillPeople(ctx, t, data, func(class string) bool { return hostapi.ReachOf(ctx, "pii:"+class).Allows(at) })
		if err != nil {
			return nil, err
		}
		data = filled
	}
	return json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: e.ID, Source: e.Source, Type: e.Type, Subject: e.Subject, Time: e.Time, DataContentType: "application/json",
		Tenant: e.Tenant, Actor: e.Actor, Person: e.Person, Course: e.Course, Trace: e.Trace, Cause: e.Cause, Position: e.Position, Data: data,
	})
}
