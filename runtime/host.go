package runtime

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/tetratelabs/wazero/api"
	"github.com/trellis-learning/trellis"
)

// hostFunction is a function that guests may import.
type hostFunction struct {
	module, name    string
	params, results string // letters as in package instrument
	fuel            uint64 // what one call costs beside the way there and back; what it moves is charged, too
	call            func(f *frame, stack []uint64)
}

// The host's work is charged as the guest's own is, by which guests cannot have
// more of it than of theirs. A unit is worth a third to a half of a nanosecond.
const (
	crossing   = 1_000 // units to leave the guest and come back, whether it named the function or found it in a table
	cheap      = 150
	dear       = 500
	dearest    = 2500
	perByte    = 4  // units for a byte of randomness
	perUnit    = 4  // bytes copied for a unit
	perLine    = 50 // units for a line of what is printed
	maxName    = 128
	maxIovecs  = 1024
	answerSlop = 64 << 10

	// refusedCalls is how many host operations beyond its limit a guest hears are
	// refused before it is ended: refusing is work, too.
	refusedCalls = 16
)

// guard is what wazero calls: it charges the guest and finds the call's frame.
func (h hostFunction) guard() api.GoModuleFunc {
	if h.fuel == 0 { // it charges by itself
		return func(ctx context.Context, _ api.Module, stack []uint64) {
			f := ctx.(*frame)
			f.called = true
			h.call(f, stack)
		}
	}
	return func(ctx context.Context, _ api.Module, stack []uint64) {
		f := ctx.(*frame) // we alone call guests, and always with a frame
		f.called = true
		f.charge(crossing + h.fuel)
		h.call(f, stack)
	}
}

func valueTypes(letters string) []api.ValueType {
	var types []api.ValueType
	for i := range len(letters) {
		switch letters[i] {
		case 'i':
			types = append(types, api.ValueTypeI32)
		case 'I':
			types = append(types, api.ValueTypeI64)
		default:
			panic("runtime: host function with a value of type " + letters[i:i+1])
		}
	}
	return types
}

// trellisFunctions returns the imports of the convention trellis/1.
func trellisFunctions() []hostFunction {
	return []hostFunction{
		{"trellis", "call", "iiii", "I", dearest, hostCall},
		{"trellis", "read", "iii", "i", cheap, hostRead},
		{"trellis", "log", "iii", "", dear, hostLog},
		{"trellis", "now", "", "I", cheap, hostNow},
		{"trellis", "random", "ii", "", dear, hostRandom},
	}
}

// bytes returns a piece of the guest's memory, which is valid until the guest
// runs again, and stops the guest if there is no such piece.
func (f *frame) bytes(what string, ptr, length uint64) []byte {
	b, ok := f.inst.mem.Read(uint32(ptr), uint32(length))
	if !ok {
		f.stop(fmt.Errorf("%w: %s at %d, %d bytes long, is outside of the memory of %d bytes",
			ErrTrap, what, uint32(ptr), uint32(length), f.inst.mem.Size()))
	}
	return b
}

func hostNow(_ *frame, stack []uint64) { stack[0] = uint64(time.Now().UnixNano()) }

func hostRandom(f *frame, stack []uint64) {
	b := f.bytes("random: the room", stack[0], stack[1])
	f.charge(perByte * uint64(len(b)))
	_, _ = rand.Read(b) // never fails: it ends the process instead
}

func hostRead(f *frame, stack []uint64) {
	to := f.bytes("read: the room", stack[0], stack[1])
	from := uint64(uint32(stack[2]))
	if from > uint64(len(f.answer)) {
		from = uint64(len(f.answer))
	}
	n := copy(to, f.answer[from:])
	stack[0] = uint64(n)
	f.charge(uint64(n / perUnit))
}

func hostLog(f *frame, stack []uint64) {
	line := f.bytes("log: the line", stack[1], stack[2])
	level := int32(uint32(stack[0]))
	f.charge(uint64(min(len(line), f.logLeft)))
	f.logLine(min(max(int(level), 0), 3), line)
}

// hostCall runs a host operation and keeps its answer for read.
func hostCall(f *frame, stack []uint64) {
	if n := uint32(stack[1]); n > maxName {
		f.stop(fmt.Errorf("%w: call: the operation's name has %d bytes, of %d allowed", ErrTrap, n, maxName))
	}
	name := string(f.bytes("call: the operation's name", stack[0], stack[1]))
	in := f.bytes("call: the input", stack[2], stack[3])
	f.charge(uint64(len(in) / perUnit))
	out, err := f.ask(name, append(make([]byte, 0, len(in)), in...))
	kind := 0
	if err != nil {
		kind, out = encodeProblem(err)
	}
	f.answer = out
	stack[0] = uint64(kind)<<32 | uint64(len(out))
}

// ask runs a host operation within the guest's limits. in is given away.
func (f *frame) ask(name string, in []byte) ([]byte, error) {
	f.hostCalls++
	switch limits := f.inst.m.limits; {
	case f.hostCalls > limits.HostCalls+refusedCalls:
		f.stop(fmt.Errorf("%w: more than %d host operations in one call, and %d that were refused", ErrTrap, limits.HostCalls, refusedCalls))
	case f.starting:
		return nil, trellis.Errorf(trellis.Unavailable, "the guest is only starting")
	case f.hostCalls > limits.HostCalls:
		return nil, trellis.Errorf(trellis.Exhausted, "more than %d host operations in one call", limits.HostCalls)
	case f.inst.m.rt.cfg.Host == nil:
		return nil, trellis.Errorf(trellis.Unavailable, "this runtime has no host operations")
	}
	if late := f.late(); late != nil {
		f.stop(late)
	}
	out, err := f.operate(name, in)
	if most := f.inst.m.limits.Memory + answerSlop; err == nil && len(out) > most {
		return nil, trellis.Errorf(trellis.Exhausted, "the answer of %s has %d bytes, more than the guest's memory", name, len(out))
	}
	return out, err
}

// operate leaves the guest to wait while the host works. Meanwhile another guest
// may run; what nested calls used is taken from this one's fuel.
func (f *frame) operate(name string, in []byte) ([]byte, error) {
	ctx, t := f.outside()
	f.pause()
	out, err := f.protect(ctx, name, in)
	t.open.Store(false)
	if f.stopped != nil {
		f.stop(f.stopped)
	}
	f.wait(time.Duration(t.waited.Load()))
	if late := f.late(); late != nil {
		f.stop(late)
	}
	if err := f.resume(); err != nil {
		f.stop(err)
	}
	f.charge(uint64(t.spent.Load()))
	return out, err
}

// outside returns the context for the host: it ends with the guest's time.
func (f *frame) outside() (context.Context, *trace) {
	if now := f.clock(); f.limited == nil {
		f.limited, f.cancel = context.WithTimeout(f.Context, time.Duration(f.deadline-now))
	}
	depth := 1
	if f.up != nil {
		depth = f.up.depth + 1
	}
	t := &trace{
		up: f.up, module: f.inst.m, depth: depth,
		deadline: f.deadline, fuel: f.left(),
	}
	t.open.Store(true)
	f.trace = t
	return traceContext{f.limited, t}, t
}

// protect keeps a panic of the host from unwinding through the guest.
func (f *frame) protect(ctx context.Context, name string, in []byte) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			f.inst.m.rt.log.Error("host operation panicked", "operation", clean(name, maxName), "hook", f.hook,
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			f.stopped, f.broken = trellis.Errorf(trellis.Internal, "host operation %s panicked", clean(name, maxName)), true
		}
	}()
	return f.inst.m.rt.cfg.Host.Call(ctx, name, in)
}

// pause and resume give back and take again the token that guests run with.
func (f *frame) pause() {
	if f.running {
		f.running = false
		f.inst.m.rt.release(f.inst.at, f.counted)
	}
}

// halt takes note that the guest has ended, and leaves it to the caller to give
// back the token, if it still has one.
func (f *frame) halt() (running, counted bool) {
	running, f.running = f.running, false
	return running, f.counted
}

func (f *frame) resume() error {
	waited, counted, err := f.inst.m.rt.acquire(f.Context, f.inst.at, f.patience)
	f.wait(waited)
	if err != nil {
		if f.Context.Err() != nil {
			return fmt.Errorf("the caller has gone: %w", f.Context.Err())
		}
		return err // the guest is not to blame
	}
	f.running, f.counted, f.slices = true, counted, 0
	return nil
}
