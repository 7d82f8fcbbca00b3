package runtime

import (
	"slices"

	"github.com/tetratelabs/wazero/api"
	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

// trellis1 is the convention trellis/1: see the package comment.
type trellis1 struct{}

const (
	allocExport  = "trellis_alloc"
	initExport   = "_initialize"
	memoryExport = "memory"
	errorBit     = 1 << 31 // in the length of an answer
)

var (
	hookSignature  = instrument.Signature{Params: "ii", Results: "I"}
	allocSignature = instrument.Signature{Params: "i", Results: "i"}
	initSignature  = instrument.Signature{}
)

func (trellis1) name() string { return "trellis/1" }

func (trellis1) offers() []hostFunction { return append(trellisFunctions(), wasiFunctions()...) }

func (t trellis1) claims(info instrument.Info) bool {
	_, alloc := info.Exports[allocExport]
	_, program := info.Exports[mainExport]
	return alloc || len(t.hooks(info)) > 0 && !program
}

func (t trellis1) check(info instrument.Info) error {
	if !info.Memory {
		return trellis.Errorf(trellis.Invalid, "no memory is exported as %q", memoryExport)
	}
	for _, need := range []struct {
		name     string
		want     instrument.Signature
		optional bool
	}{
		{allocExport, allocSignature, false},
		{initExport, initSignature, true},
	} {
		switch got, ok := info.Exports[need.name]; {
		case !ok && !need.optional:
			return trellis.Errorf(trellis.Invalid, "no function is exported as %q", need.name)
		case ok && got != need.want:
			return trellis.Errorf(trellis.Invalid, "export %q is %s, want %s", need.name, got, need.want)
		}
	}
	if len(t.hooks(info)) == 0 {
		return trellis.Errorf(trellis.Invalid, "no hook is exported: a hook is a function (i32, i32) -> (i64)")
	}
	return nil
}

func (trellis1) hooks(info instrument.Info) []string {
	var names []string
	for name, s := range info.Exports {
		if s == hookSignature && name != allocExport && name != anyHook {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (trellis1) bind(mod api.Module) guest {
	return &trellis1Guest{mod: mod, mem: mod.ExportedMemory(memoryExport), alloc: mod.ExportedFunction(allocExport)}
}

type trellis1Guest struct {
	mod   api.Module
	mem   api.Memory
	alloc api.Function
	hooks []boundHook // found on first use: finding one costs more than a call
	last  int         // the one called last
	stack [2]uint64
}

type boundHook struct {
	name string
	fn   api.Function
}

// function returns the export that is a hook.
func (g *trellis1Guest) function(hook string) api.Function {
	if g.last < len(g.hooks) && g.hooks[g.last].name == hook {
		return g.hooks[g.last].fn
	}
	g.last = slices.IndexFunc(g.hooks, func(h boundHook) bool { return h.name == hook })
	if g.last < 0 {
		g.last = len(g.hooks)
		g.hooks = append(g.hooks, boundHook{hook, g.mod.ExportedFunction(hook)})
	}
	return g.hooks[g.last].fn
}

func (g *trellis1Guest) start(f *frame) error {
	for _, name := range []string{instrument.StartExport, initExport} {
		if fn := g.mod.ExportedFunction(name); fn != nil {
			if err := fn.CallWithStack(f, nil); err != nil {
				return f.fault(err)
			}
		}
	}
	return nil
}

func (g *trellis1Guest) warm(f *frame, n int) error {
	ptr, err := g.room(f, n)
	if err == nil && ptr != 0 && uint64(ptr)+uint64(n) > uint64(g.mem.Size()) {
		err = g.outside(f, ptr, n)
	}
	return err
}

// room asks the guest for n bytes and returns where they are; 0 is a refusal.
func (g *trellis1Guest) room(f *frame, n int) (ptr uint32, err error) {
	g.stack[0] = uint64(uint32(n))
	if err := g.alloc.CallWithStack(f, g.stack[:1]); err != nil {
		return 0, f.fault(err)
	}
	return uint32(g.stack[0]), nil
}

func (g *trellis1Guest) outside(f *frame, ptr uint32, n int) error {
	return f.faultf(ErrTrap, "%s(%d) returned %d, which is outside of the memory of %d bytes", allocExport, n, ptr, g.mem.Size())
}

func (g *trellis1Guest) call(f *frame, hook string, in, dst []byte) ([]byte, error) {
	if len(in) > f.inst.m.limits.Memory {
		return dst, trellis.Errorf(trellis.Exhausted, "the input of %d bytes does not fit into the guest's memory", len(in))
	}
	ptr, err := g.room(f, len(in))
	if err != nil {
		return dst, err
	}
	if ptr == 0 && len(in) > 0 {
		return dst, f.faultf(ErrMemory, "the guest has no room for %d bytes of input", len(in))
	}
	if !g.mem.Write(ptr, in) {
		return dst, g.outside(f, ptr, len(in))
	}
	g.stack[0], g.stack[1] = uint64(ptr), uint64(len(in))
	if err := g.function(hook).CallWithStack(f, g.stack[:]); err != nil {
		return dst, f.fault(err)
	}
	return g.answer(f, g.stack[0], dst)
}

// answer takes out what the hook returned.
func (g *trellis1Guest) answer(f *frame, packed uint64, dst []byte) ([]byte, error) {
	ptr, length := uint32(packed>>32), uint32(packed)
	failed := length&errorBit != 0
	length &^= errorBit
	limit := f.inst.m.limits.Output
	if failed {
		limit = min(limit, maxErrorAnswer)
	}
	if uint64(length) > uint64(limit) {
		return dst, f.faultf(ErrOutput, "%d bytes, of %d allowed", length, limit)
	}
	answer, ok := g.mem.Read(ptr, length)
	if !ok {
		return dst, f.faultf(ErrTrap, "the answer is at %d, %d bytes long, outside of the memory of %d bytes", ptr, length, g.mem.Size())
	}
	if failed {
		return dst, decodeProblem(answer)
	}
	return append(dst, answer...), nil
}
