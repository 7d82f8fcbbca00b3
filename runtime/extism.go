package runtime

import (
	"bytes"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

// extism is the convention of Extism plugins, version 1: see the package comment.
type extism struct{}

const (
	extismModule     = "extism:host/env"
	extismUserModule = "extism:host/user"

	ctorsExport   = "__wasm_call_ctors"
	haskellExport = "hs_init"
)

var (
	returnsSignature = instrument.Signature{Results: "i"}
	haskellSignature = instrument.Signature{Params: "ii"}
)

func (extism) name() string { return "extism" }

func (extism) offers() []hostFunction {
	return slices.Concat(extismFunctions(), extismUserFunctions(), wasiFunctions())
}

func (extism) claims(info instrument.Info) bool {
	return slices.ContainsFunc(info.Imports, func(i instrument.Import) bool {
		return i.Module == extismModule || i.Module == extismUserModule
	})
}

func (e extism) check(info instrument.Info) error {
	if !info.Memory {
		return trellis.Errorf(trellis.Invalid, "no memory is exported as %q", memoryExport)
	}
	if len(e.hooks(info)) == 0 {
		return trellis.Errorf(trellis.Invalid, "no hook is exported: a hook of an Extism module is a function () -> (i32) or () -> ()")
	}
	return nil
}

// hooks returns what can be called. What compilers export for their own ends
// cannot.
func (extism) hooks(info instrument.Info) []string {
	var names []string
	for name, s := range info.Exports {
		switch {
		case s != returnsSignature && s != initSignature:
		case name == initExport, name == anyHook, strings.HasPrefix(name, "__"), strings.HasPrefix(name, "hs_"), strings.HasPrefix(name, "asyncify_"):
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (extism) bind(mod api.Module) guest {
	return &extismGuest{mod: mod, hooks: map[string]api.Function{}}
}

// extismGuest is an instance with its kernel, which takes the place of the one
// that other hosts run as a second module.
type extismGuest struct {
	mod    api.Module
	hooks  map[string]api.Function // found on first use: finding one costs more than a call
	stack  [2]uint64
	kernel kernel
	words  uint64 // not yet charged for
	vars   variables
	weight int64 // of what is beside the guest's memory, as last noted

	// What belongs to one call.
	config  map[string]string // nil: not yet asked for
	status  int               // of the last HTTP request
	headers []byte            // JSON, of the same
	kind    int               // of the last trellis_call
}

// begin makes the host's side of a guest that of a new call.
func (g *extismGuest) begin(f *frame) {
	g.kernel.limit, g.kernel.payer = uint64(f.inst.m.limits.Memory), nil
	g.kernel.reset()
	if f.inst.m.limits.Isolation == Pristine {
		g.vars = variables{}
	}
	g.config, g.status, g.headers, g.kind = nil, 0, nil, 0
}

// beside is what the host keeps for the guest from call to call.
func (g *extismGuest) beside() int64 { return int64(cap(g.kernel.mem) + g.vars.size) }

// start runs what Extism's own hosts run before the first call, in their order.
func (g *extismGuest) start(f *frame) error {
	g.begin(f)
	info := f.inst.m.info
	names := []string{instrument.StartExport}
	switch {
	case info.Exports[haskellExport] == haskellSignature:
		names = append(names, initExport, haskellExport)
	case exports(info, initExport):
		names = append(names, initExport)
	default:
		names = append(names, ctorsExport)
	}
	g.kernel.payer = f
	for _, name := range names {
		fn := g.mod.ExportedFunction(name)
		if fn == nil || name != haskellExport && name != instrument.StartExport && !exports(info, name) {
			continue
		}
		g.stack = [2]uint64{}
		if err := fn.CallWithStack(f, g.stack[:]); err != nil {
			return f.fault(err)
		}
	}
	g.settle(f)
	g.begin(f)
	return nil
}

// exports reports whether name can be called to initialise a module.
func exports(info instrument.Info, name string) bool {
	s, ok := info.Exports[name]
	return ok && s == initSignature
}

// warm does nothing: an Extism guest takes its input when and where it likes.
func (g *extismGuest) warm(*frame, int) error { return nil }

func (g *extismGuest) call(f *frame, hook string, in, dst []byte) ([]byte, error) {
	fn := g.hooks[hook]
	if fn == nil {
		fn = g.mod.ExportedFunction(hook)
		g.hooks[hook] = fn
	}
	g.begin(f)
	at, ok := g.kernel.put(in)
	if !ok {
		return dst, trellis.Errorf(trellis.Exhausted, "the input of %d bytes does not fit into the guest's memory", len(in))
	}
	g.kernel.input, g.kernel.inputLength = at, uint64(len(in))
	g.stack = [2]uint64{}
	g.kernel.payer = f
	err := fn.CallWithStack(f, g.stack[:])
	g.kernel.payer = nil // what follows is outside of the guest, where nothing can stop it
	g.settle(f)
	out, err := g.answer(f, err, dst)
	if hook == mainExport && f.inst.m.limits.Isolation == Pinned {
		f.broken = true // main has ended: the program cannot be called again
	}
	g.begin(f)
	if g.beside() != g.weight {
		f.inst.weigh()
	}
	return out, err
}

// answer takes out what a call came to.
func (g *extismGuest) answer(f *frame, err error, dst []byte) ([]byte, error) {
	if err != nil {
		status, exited := f.exited(err)
		if !exited {
			return dst, f.fault(err)
		}
		f.broken = f.inst.m.limits.Isolation == Pinned // a pristine one is put back
		if status != 0 {
			return dst, f.exitFault(status)
		}
	}
	if err := g.complaint(f); err != nil {
		return dst, err
	}
	k := &g.kernel
	if returned := int32(uint32(g.stack[0])); returned != 0 {
		return dst, answeredf(trellis.Internal, "the guest returned %d and said no more%s", returned, f.lastWords())
	}
	if limit := f.inst.m.limits.Output; k.outputLength > uint64(limit) {
		return dst, f.faultf(ErrOutput, "%d bytes, of %d allowed", k.outputLength, limit)
	}
	out, ok := k.appendTo(dst, k.output, k.outputLength)
	if !ok {
		return dst, f.faultf(ErrTrap, "the answer is at %d, %d bytes long, outside of the memory", k.output, k.outputLength)
	}
	return out, nil
}

// complaint returns the error of which the guest left a text, if it did. To look
// for the text may use up its fuel.
func (g *extismGuest) complaint(f *frame) error {
	k := &g.kernel
	if k.failure == 0 {
		return nil
	}
	_, used, steps, ok := k.find(k.failure, f.walk())
	f.inst.fuel.Set(f.inst.fuel.Get() - uint64(steps)*perStep)
	if f.left() < 0 {
		return f.fault(errStop)
	}
	if !ok {
		return nil
	}
	message, ok := k.appendTo(nil, k.failure, min(used, maxErrorAnswer+1))
	if !ok || len(message) == 0 {
		return nil
	}
	if err := errorAnswer(message); err != nil {
		return err
	}
	return answeredf(trellis.Internal, "%s", clean(string(message), maxMessage))
}

// variables are what a guest keeps by var_set: from call to call if it is pinned.
type variables struct {
	values map[string][]byte
	size   int
}

const (
	maxVariables    = 1 << 20
	variableHeaders = 40 // bytes that Extism's Go host counts for each
)

func (v *variables) remove(name string) {
	if old, ok := v.values[name]; ok {
		v.size -= len(name) + len(old) + variableHeaders
		delete(v.values, name)
	}
}

// set keeps a value, unless there is no room for it. As in Extism, a new value
// for an old name needs room beside the old one.
func (v *variables) set(name string, value []byte) bool {
	size := len(name) + len(value) + variableHeaders
	if v.size+size >= maxVariables {
		return false
	}
	v.remove(name)
	if v.values == nil {
		v.values = map[string][]byte{}
	}
	v.values[name] = bytes.Clone(value)
	v.size += size
	return true
}
