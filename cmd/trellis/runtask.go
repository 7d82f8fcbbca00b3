package main

import (
	"encoding/json"
	"os"
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
	var m modulesConfig
	if err := fromEnvironment(m.settings(), os.Getenv); err != nil {
		return 0, err
	}
	_, how, err := m.parse()
	if err != nil || how.Work == 0 {
		return usualWork, err
	}
	return how.Work, nil
}

// taskInput returns what a schedule or a job is told when it is tried here, if there
// is one that calls that export, and how long it may work: 0 if as any other hook.
// Without a name it is the first schedule, else the first job.
func (c *extRunCmd) taskInput(m bundle.Manifest, settings json.RawMessage) (hook string, in any, work time.Duration, err error) {
	type task struct{ name, call string }
	var tasks []task
	for _, s := range m.Schedules {
		tasks = append(tasks, task{s.Name, s.Call})
	}
	for _, j := range m.Jobs {
		tasks = append(tasks, task{j.Name, j.Call})
	}
	for _, t := range tasks {
		if c.Hook != "" && c.Hook != t.call {
			continue
		}
		told := extensions.Task{ID: trellis.NewID(), Name: t.name, Time: time.Now().UTC(), Tenant: "demo", Settings: settings, Trace: trellis.NewTraceID()}
		if c.Data != "" {
			if told.Input, err = jsonArgument("-data", c.Data); err != nil {
				return "", nil, 0, err
			}
		}
		if m.Limits.Work == "" {
			return t.call, told, 0, nil
		}
		most, err := mostWork()
		if err != nil {
			return "", nil, 0, err
		}
		work, err := workOf("limits.work", m.Limits.Work)
		return t.call, told, min(work, most), err
	}
	return "", nil, 0, nil
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
