package runtime

import (
	"context"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

// warmup is how much input the guest's allocator is made ready for before the
// image is taken: without it a guest that grows its heap at the first call would
// grow it at every call.
const warmup = 16 << 10

// instance is one guest with its memory. One goroutine uses it at a time.
type instance struct {
	m           *Module
	mod         api.Module
	mem         api.Memory
	guest       guest
	fuel, depth api.MutableGlobal
	globals     []api.MutableGlobal // of the guest itself
	linear      linear              // its memory, as wazero sees it
	mapping     *mapping            // its memory, if not on Go's heap
	image       *image              // what it is put back to; nil: it cannot be
	key         string              // what it is pinned to
	at          place               // whose the call under way is
	order       int64               // grows with each use of a pinned one
	fresh       bool                // used since the last sweep
	used        int64               // before the sweep that found it used, as Runtime.now says it
	cold        bool                // its memory was let go of
	kept        int                 // bytes of its own pages that a view of the image had when it was put back
	shared      int                 // bytes of its memory that a look found to be not its own; pinned ones only
	weight      int64               // what it takes, as last noted
	frame       frame
}

// instantiate makes an instance in which nothing has run yet.
func (m *Module) instantiate(ctx context.Context) (inst *instance, err error) {
	inst = &instance{m: m}
	inst.frame.inst = inst
	defer func() {
		if p := recover(); p != nil { // wazero's answer to an allocator without memory
			err = fmt.Errorf("%w: %v", errNoMemory, p)
		}
		if err != nil && inst != nil {
			inst.close(ctx)
			inst = nil
		}
	}()
	ctx = experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(inst.allocate))
	inst.mod, err = m.rt.wasm.InstantiateModule(ctx, m.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return inst, fmt.Errorf("instantiate: %w", err)
	}
	inst.mem = inst.mod.ExportedMemory(memoryExport)
	if inst.fuel, err = inst.global(instrument.FuelGlobal); err != nil {
		return inst, err
	}
	if inst.depth, err = inst.global(instrument.DepthGlobal); err != nil {
		return inst, err
	}
	for n := range m.info.Globals {
		g, err := inst.global(instrument.GlobalExport(n))
		if err != nil {
			return inst, err
		}
		inst.globals = append(inst.globals, g)
	}
	inst.guest = m.conv.bind(inst.mod)
	inst.weigh()
	m.rt.shed()
	return inst, nil
}

func (inst *instance) global(name string) (api.MutableGlobal, error) {
	g, ok := inst.mod.ExportedGlobal(name).(api.MutableGlobal)
	if !ok {
		return nil, fmt.Errorf("instantiate: the rewritten module exports no global %s", name)
	}
	return g, nil
}

// startBudget is what a guest may use to start when nobody's call pays for it.
// It is bounded by its fuel: the time is for a machine that is busy with others,
// and is looked at only where the guest yields.
func (r *Runtime) startBudget() Budget {
	return Budget{Fuel: r.fuelFor(startWork), Time: 80 * startWork}
}

// start makes an instance and runs what a guest runs once, then asks its
// allocator for room for n bytes, and says what fuel that took, to make the
// instance included. Host operations are not available to it yet.
func (m *Module) start(ctx context.Context, n int, b Budget) (inst *instance, fuel uint64, err error) {
	setup := uint64(m.info.Setup)
	if setup > b.Fuel {
		return nil, b.Fuel, fmt.Errorf("%w: a new instance of the module takes %d units before anything runs, of %d allowed", ErrFuel, setup, b.Fuel)
	}
	b.Fuel -= setup
	inst, err = m.instantiate(ctx)
	if err != nil {
		return nil, setup, err
	}
	f := &inst.frame
	f.begin(ctx, initExport, nil, b, 0, nil)
	f.starting = true
	err = inst.guest.start(f)
	if err == nil {
		err = inst.guest.warm(f, n)
	}
	f.starting = false
	f.finish()
	if err != nil {
		inst.close(ctx)
		return nil, setup + f.used(), err
	}
	return inst, setup + f.used(), nil
}

// fromImage makes an instance out of the image, without running anything.
func (m *Module) fromImage(ctx context.Context, im *image) (*instance, error) {
	inst, err := m.instantiate(ctx)
	if err != nil {
		return nil, err
	}
	if !im.adopt(inst) {
		inst.close(ctx)
		return nil, errNoMemory
	}
	return inst, nil
}

// run calls a hook, in a worker of the caller's. keep says whether the instance may
// be used again.
func (inst *instance) run(ctx context.Context, c *Call, b Budget, patience time.Duration, up *trace, s *Stats) (out []byte, keep bool, err error) {
	f := &inst.frame
	f.running = true
	f.begin(ctx, c.Hook, c.Log, b, patience, up)
	if !c.Untimed {
		f.clock()
	}
	out, err = inst.guest.call(f, c.Hook, c.In, c.Dst)
	inst.fresh = true
	s.Fuel, s.Memory, s.HostCalls = f.used(), int(inst.mem.Size()), f.hostCalls
	if !c.Untimed {
		s.Time = time.Duration(f.clock()-f.began) - f.waited
	}
	f.finish()
	return out, !f.broken, err
}

// tooDeep reports whether the call depth is what made the guest trap.
func (inst *instance) tooDeep() bool {
	return int32(uint32(inst.depth.Get())) > instrument.DefaultDepth
}

// nearlyFull reports whether so much of the allowed memory is in use that the
// guest probably gave up because it was not given more: a guest that gets none
// says so by a trap like any other.
func (inst *instance) nearlyFull() bool {
	limit := min(inst.m.limits.Memory, int(inst.m.info.MaxMemory)*pageSize)
	return int(inst.mem.Size()) >= limit/4*3
}

func (inst *instance) close(ctx context.Context) {
	if inst.mod != nil {
		_ = inst.mod.Close(ctx) // what it could say is of files, and there are none
	}
	inst.free()
	inst.unweigh()
}
