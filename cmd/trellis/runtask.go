package main

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

// usualWork is what limits.work may say at most where no operator says otherwise.
const usualWork = time.Minute

// mostWork returns what limits.work may say at most here: what the environment says,
// as it says it to a server.
func mostWork() (time.Duration, error) {
	m, err := modulesHere()
	if err != nil {
		return 0, err
	}
	_, how, err := m.parse()
	if err != nil || how.Work == 0 {
		return usualWork, err
	}
	return how.Work, nil
}

// taskAttempts returns what the schedules and the jobs of an extension are told, and how
// long they may work here.
func taskAttempts(m bundle.Manifest, settings, input json.RawMessage) ([]attempt, error) {
	var work time.Duration
	if m.Limits.Work != "" && len(m.Schedules)+len(m.Jobs) > 0 {
		most, err := mostWork()
		if err != nil {
			return nil, err
		}
		if work, err = workOf("limits.work", m.Limits.Work); err != nil {
			return nil, err
		}
		work = min(work, most)
	}
	var all []attempt
	add := func(name, call string) {
		all = append(all, attempt{hook: call, work: work, taken: readAgain,
			in: extensions.Task{ID: trellis.NewID(), Name: name, Time: time.Now().UTC(), Tenant: "demo", Input: input, Settings: settings, Trace: trellis.NewTraceID()}})
	}
	for _, s := range m.Schedules {
		add(s.Name, s.Call)
	}
	for _, j := range m.Jobs {
		add(j.Name, j.Call)
	}
	return all, nil
}

// workOf reads how long a call may work.
func workOf(key, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 250*time.Millisecond || d > 10*time.Minute {
		return 0, trellis.Errorf(trellis.Invalid, "%s: %q is not a duration of more than 250ms and at most 10m, such as 5s", key, text)
	}
	return d, nil
}

// readAgain says what the platform says to the answer of a schedule or a job.
func readAgain(out []byte) error {
	if len(out) == 0 {
		return nil
	}
	var a extensions.Again
	if err := bundle.Exact(out, reflect.TypeFor[extensions.Again]()); err != nil {
		return trellis.Errorf(trellis.Invalid, "the answer: %w", err)
	}
	return trellis.DecodeStrict(out, &a)
}
