package runtime

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

// Info is what can be said of a module without running it.
type Info struct {
	Convention string   // "extism", "trellis/1" or "command"
	Hooks      []string // in alphabetical order; "*" alone if every name is a hook
	Imports    []string // "module.name", in alphabetical order
	Memory     int      // bytes of linear memory at the start
	MaxMemory  int      // bytes that it may grow to, within the limits
	// Fresh says why every call of a [Pristine] module needs a new instance,
	// which is slow. Empty: instances are put back and used again.
	Fresh string
}

// Check examines a module as [Runtime.Compile] does, but neither compiles nor
// runs it: its form, the limits of its size, its imports and exports. What it
// accepts may still fail to compile. Errors are of kind Invalid. The bounds of
// [Accept] are the defaults.
func Check(binary []byte, l Limits) (Info, error) { return check(binary, l, Accept{}) }

// Check is the function [Check], within the bounds of [Config.Accept]. It takes a
// turn among the modules that are compiled, as [Runtime.Load] does.
func (r *Runtime) Check(ctx context.Context, s Source, l Limits) (Info, error) {
	leave, err := r.builds.enter(ctx, place{s.Class, s.Key}, s.ID)
	if err != nil {
		return Info{}, fmt.Errorf("check module: %w", err)
	}
	defer leave()
	binary, err := s.Read(ctx)
	if err != nil {
		return Info{}, fmt.Errorf("read module: %w", err)
	}
	return check(binary, l, r.cfg.Accept)
}

func check(binary []byte, l Limits, a Accept) (Info, error) {
	l, err := l.withDefaults()
	if err != nil {
		return Info{}, err
	}
	_, info, err := instrument.Rewrite(binary, a.over(l.instrument()))
	if err != nil {
		return Info{}, err
	}
	conv, err := recognise(info)
	if err != nil {
		return Info{}, err
	}
	if err := mayIsolate(conv, l.Isolation); err != nil {
		return Info{}, err
	}
	return describe(conv, info), nil
}

// mayIsolate refuses to keep the state of a guest that has none to keep.
func mayIsolate(c convention, i Isolation) error {
	if c == (command{}) && i == Pinned {
		return trellis.Errorf(trellis.Invalid, "a WASI command begins anew with each call and keeps no state: its isolation must be pristine, not pinned")
	}
	return nil
}

// takes reports whether hook is one of the module's.
func (m *Module) takes(hook string) bool {
	if m.conv == (command{}) {
		return argument(hook)
	}
	_, ok := slices.BinarySearch(m.hooks, hook)
	return ok
}

func (l Limits) instrument() instrument.Limits {
	return instrument.Limits{Memory: uint32(l.Memory / pageSize)}
}

// recognise finds the convention of a module and checks that it keeps to it.
func recognise(info instrument.Info) (convention, error) {
	for _, c := range conventions() {
		if c.claims(info) {
			if err := checkImports(c, info); err != nil {
				return nil, err
			}
			if err := checkPassed(info); err != nil {
				return nil, err
			}
			if err := checkExports(c, info); err != nil {
				return nil, err
			}
			return c, c.check(info)
		}
	}
	return nil, trellis.Errorf(trellis.Invalid, "the module follows no known calling convention: it exports neither trellis_alloc nor any function (i32, i32) -> i64, nor _start as a WASI command does, and imports nothing from extism:host/env")
}

// checkPassed refuses functions of the host that the module would have the host
// call: nothing of the guest's would run.
func checkPassed(info instrument.Info) error {
	switch {
	case len(info.Passed) == 0:
		return nil
	case info.Passed[0] == instrument.StartExport:
		return trellis.Errorf(trellis.Invalid, "the start function is an import of the module: start with a function of its own")
	}
	return trellis.Errorf(trellis.Invalid, "export %q is an import of the module: export a function of its own", clean(info.Passed[0], 100))
}

// checkImports refuses by name what the convention does not offer.
func checkImports(c convention, info instrument.Info) error {
	offered := map[string]instrument.Signature{}
	for _, f := range c.offers() {
		offered[f.module+"."+f.name] = instrument.Signature{Params: f.params, Results: f.results}
	}
	for _, imp := range info.Imports {
		name := imp.Module + "." + imp.Name
		want, ok := offered[name]
		if !ok {
			return trellis.Errorf(trellis.Invalid, "import %s is not offered", clean(name, 100))
		}
		if imp.Signature != want {
			return trellis.Errorf(trellis.Invalid, "import %s is %s, want %s", name, imp.Signature, want)
		}
	}
	return nil
}

// mostExports is how many functions a module may export: the names are kept,
// searched and shown, and no toolchain that we know exports a tenth of that.
const mostExports = 10_000

// checkExports refuses names of hooks that cannot be shown: people read them in
// terminals and logs, and manifests cannot name them.
func checkExports(c convention, info instrument.Info) error {
	if n := len(info.Exports); n > mostExports {
		return trellis.Errorf(trellis.Invalid, "%d exported functions exceed the limit of %d", n, mostExports)
	}
	for _, hook := range c.hooks(info) {
		if strings.ContainsFunc(hook, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return trellis.Errorf(trellis.Invalid, "the name of the export %.100q has characters that cannot be printed", hook)
		}
	}
	return nil
}

func describe(c convention, info instrument.Info) Info {
	d := Info{
		Convention: c.name(), Hooks: c.hooks(info),
		Memory: int(info.MinMemory) * pageSize, MaxMemory: int(info.MaxMemory) * pageSize,
	}
	if !info.Resettable {
		d.Fresh = info.NotResettable
	}
	for _, imp := range info.Imports {
		d.Imports = append(d.Imports, imp.Module+"."+imp.Name)
	}
	slices.Sort(d.Imports)
	d.Imports = slices.Compact(d.Imports)
	return d
}
