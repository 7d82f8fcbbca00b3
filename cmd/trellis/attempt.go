package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

// attempt is a hook of a manifest as it is tried here.
type attempt struct {
	hook   string
	in     any                // what it is told
	reads  bool               // whether it may only read, as filters and slots may
	action bool               // whether somebody has to press something before it is asked
	work   time.Duration      // that a schedule or a job may do; 0: as any other hook
	taken  func([]byte) error // what the platform says to its answer; nil: it is not asked
}

// attempts returns all that the platform would ask of an extension, each with a sample
// of what it would be told: the filters, the events, the places in pages with their
// actions, the schedules and the jobs.
func (c *extRunCmd) attempts(m bundle.Manifest, settings, data json.RawMessage) ([]attempt, error) {
	if data == nil {
		data = json.RawMessage(fmt.Sprintf(`{"user":{"id":"0190b5a0-0000-7000-8000-000000000001","number":1,"is_active":true},"course_key":%q,"mode":"audit"}`, c.Course))
	}
	var all []attempt
	for _, f := range m.Filters {
		all = append(all, attempt{hook: f.Call, reads: true, in: extensions.Question{ID: trellis.NewID(), Type: f.On, Time: time.Now().UTC(), Tenant: "demo", Actor: "person:1",
			Course: c.Course, Settings: settings, Trace: trellis.NewTraceID(), Data: data}})
	}
	for _, v := range m.Events {
		all = append(all, attempt{hook: v.Call, in: extensions.Told{ID: trellis.NewID(), Source: "trellis", Type: v.On, Tenant: "demo", Actor: "person:1", Person: "0190b5a0-0000-7000-8000-000000000001",
			Course: c.Course, Time: time.Now().UTC(), Position: 1, Attempt: 1, Settings: settings, Trace: trellis.NewTraceID(), Data: data}})
	}
	values, input := json.RawMessage("{}"), json.RawMessage(nil)
	if c.Data != "" {
		values, input = data, data
	}
	tasks, err := taskAttempts(m, settings, input)
	return slices.Concat(all, c.slotAttempts(m, settings, values), tasks), err
}

// chosen returns the one of the attempts that is meant: without a name the first that
// the platform makes by itself. An export that the manifest does not name is asked as
// a job is.
func (c *extRunCmd) chosen(all []attempt, settings json.RawMessage) (attempt, error) {
	i := slices.IndexFunc(all, func(a attempt) bool { return a.hook == c.Hook || c.Hook == "" && !a.action })
	switch {
	case i >= 0:
		return all[i], nil
	case c.Hook == "":
		return attempt{}, trellis.Errorf(trellis.Invalid, "say which export: -hook NAME")
	}
	return attempt{hook: c.Hook, in: extensions.Task{ID: trellis.NewID(), Name: c.Hook, Time: time.Now().UTC(), Tenant: "demo", Settings: settings, Trace: trellis.NewTraceID()}}, nil
}
