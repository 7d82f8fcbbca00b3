package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/runtime"
)

// accepted returns what modules may look like here: what the environment says, as it
// says it to a server.
func accepted() (runtime.Accept, error) {
	m, err := modulesHere()
	if err != nil {
		return runtime.Accept{}, err
	}
	a, _, err := m.parse()
	return a, err
}

// engine returns a runtime that takes such modules as would be taken here.
func engine(ctx context.Context, cfg runtime.Config) (*runtime.Runtime, error) {
	var err error
	if cfg.Accept, err = accepted(); err != nil {
		return nil, err
	}
	return runtime.New(ctx, cfg)
}

// inspect examines a module as servers do that take what a says.
func inspect(ctx context.Context, module []byte, l runtime.Limits, a runtime.Accept) (runtime.Info, error) {
	r, err := runtime.New(ctx, runtime.Config{Accept: a})
	if err != nil {
		return runtime.Info{}, err
	}
	defer func() { _ = r.Close(context.WithoutCancel(ctx)) }()
	info, err := r.Check(ctx, given(module), l)
	return info, raisable(err)
}

// given is a module that is at hand, on nobody's behalf.
func given(module []byte) runtime.Source {
	return runtime.Source{Read: func(context.Context) ([]byte, error) { return module, nil }}
}

// examine examines the module of a bundle. What exceeds the limits here, but none
// that a server can have, is told and taken.
func examine(e *env, b *bundle.Archive) (runtime.Info, error) {
	limits, err := b.Manifest.RuntimeLimits()
	if err != nil {
		return runtime.Info{}, err
	}
	if err := warnOfWork(e, b.Manifest); err != nil {
		return runtime.Info{}, err
	}
	a, err := accepted()
	if err != nil {
		return runtime.Info{}, err
	}
	info, err := inspect(e.ctx, b.Module, limits, a)
	var over *runtime.LimitError
	if !errors.As(err, &over) || over.Limit == "memory" {
		return info, err
	}
	fault := err
	if info, err = inspect(e.ctx, b.Module, limits, runtime.WidestAccept()); err == nil {
		e.note("A server refuses this module as long as that is not done: %v", fault)
	}
	return info, err
}

// warnOfWork tells of a manifest that asks for more work than is allowed here, as it
// is on a server whose operator has not said otherwise.
func warnOfWork(e *env, m bundle.Manifest) error {
	most, err := mostWork()
	if err != nil {
		return err
	}
	if work, err := m.Limits.WorkTime(); err == nil && work > most {
		e.note("A server refuses this bundle as long as that is not done: limits.work: %v exceeds the limit of %v; %s", work, most, raise("work"))
	}
	return nil
}

// check looks whether a bundle fits together, as installing it would.
func check(e *env, b *bundle.Archive) error {
	info, err := examine(e, b)
	if err != nil {
		return err
	}
	return b.Manifest.CheckAgainst(info.Hooks, app.Known())
}

// raisable adds to the refusal of a module how the limit is raised.
func raisable(err error) error {
	var over *runtime.LimitError
	switch {
	case !errors.As(err, &over):
		return err
	case widest(over.Limit) > 0 && over.Found > widest(over.Limit):
		return trellis.Errorf(trellis.KindOf(err), "%w, and no server can be told to take more than %d", err, widest(over.Limit))
	}
	return trellis.Errorf(trellis.KindOf(err), "%w; %s", err, raise(over.Limit))
}

// widest returns the most that a limit of modules can be raised to, 0 if it is not
// one of those.
func widest(limit string) int {
	a := runtime.WidestAccept()
	return map[string]int{
		"module": a.Module, "locals": a.Locals, "body": a.Body, "nesting": a.Nesting, "branch table": a.BranchTable, "functions": a.Functions, "table": a.Table, "segments": a.Segments,
	}[limit]
}

// mostMemory is what limits.memory of a manifest may say at most, in MiB.
const mostMemory = 64

// raiseHere says what raises a limit of modules for a command of this program, ""
// if nothing does.
func raiseHere(over *runtime.LimitError) string {
	switch most := widest(over.Limit); {
	case over.Limit == "memory" && over.Found > mostMemory<<10:
		return fmt.Sprintf("build the module with less memory at the start: an extension may have %dMiB at most", mostMemory)
	case over.Limit == "memory":
		mib := (over.Found + 1023) >> 10
		return fmt.Sprintf(`ask for more in extension.json: "limits": {"memory": "%dMiB"}; for a module alone, -memory %dMiB`, mib, mib)
	case most == 0:
		return ""
	case over.Found > most:
		return "write or generate smaller code: this limit keeps a module from taking too much of whoever compiles it"
	}
	value := fmt.Sprint(over.Found)
	if over.Limit == "module" || over.Limit == "body" {
		value = fmt.Sprintf("%dKiB", (over.Found+1023)>>10)
	}
	key := keyOf(over.Limit)
	return fmt.Sprintf("TRELLIS_MODULES_%s=%s before this command takes it here, for trying; on a server an operator sets modules.%s", strings.ToUpper(key), value, key)
}
