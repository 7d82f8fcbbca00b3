package runtime

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trellis-learning/trellis/runtime/instrument"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

// What explains the traps of a module is kept in the cache beside its entry, and
// read only when there is a trap to explain. On disk it is
//
//	debugMagic
//	where the code of the original begins: u32
//	the positions: length u32, bytes
//	the sections: length of the name u32, name, length u32, bytes, each
//	SHA-256 of all that
//
// in little-endian order.
const (
	debugMagic  = "trellis-debug 1\n"
	debugSuffix = ".debug"
	maxDebug    = 64 << 20
)

// explainedSections are those that places are found by.
func explainedSection(name string) bool {
	switch name {
	case "name", symbol.SourceMap, symbol.SourceMapURL,
		".debug_info", ".debug_abbrev", ".debug_line", ".debug_str", ".debug_line_str", ".debug_ranges",
		".debug_rnglists", ".debug_addr", ".debug_str_offsets":
		return true
	}
	return false
}

// encodeDebug returns what explains the traps of a module, nil if it brings
// nothing of that kind.
func encodeDebug(module []byte, l instrument.Limits) ([]byte, error) {
	sections := slices.DeleteFunc(instrument.Custom(module), func(s instrument.Section) bool { return !explainedSection(s.Name) })
	if len(sections) == 0 {
		return nil, nil
	}
	var positions instrument.Positions
	if instrument.Traceable(module) {
		var err error
		if positions, err = instrument.PositionsOf(module, l); err != nil {
			return nil, err
		}
	}
	le := binary.LittleEndian
	b := le.AppendUint32([]byte(debugMagic), uint32(instrument.CodeStart(module)))
	b = append(le.AppendUint32(b, uint32(len(positions))), positions...)
	for _, s := range sections {
		b = append(le.AppendUint32(b, uint32(len(s.Name))), s.Name...)
		b = append(le.AppendUint32(b, uint32(len(s.Data))), s.Data...)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

// debugInfo explains the traps of one module.
type debugInfo struct {
	positions instrument.Positions
	table     *symbol.Table
}

// decodeDebug returns what encodeDebug has encoded; for anything else, one that
// knows nothing.
func decodeDebug(data []byte) *debugInfo {
	nothing := &debugInfo{table: symbol.New(nil, 0)}
	if len(data) < len(debugMagic)+sha256.Size {
		return nothing
	}
	body := data[:len(data)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], data[len(body):]) || !bytes.HasPrefix(body, []byte(debugMagic)) {
		return nothing
	}
	r := &imageReader{rest: body[len(debugMagic):]}
	start := r.u32()
	d := &debugInfo{positions: r.bytes(r.u32())}
	var sections []symbol.Section
	for !r.short && len(r.rest) > 0 {
		name := string(r.bytes(r.u32()))
		sections = append(sections, symbol.Section{Name: name, Data: r.bytes(r.u32())})
	}
	if r.short {
		return nothing
	}
	d.table = symbol.New(sections, start)
	return d
}

// debugSource is where a module's debug information is.
type debugSource struct {
	key    string // of the entry in the cache; "": there is none
	memory []byte // without a cache
}

// explainers keeps the debug information of the modules that trapped last.
type explainers struct {
	turns *gate // of those who read it

	mu      sync.Mutex
	kept    []*explainer         // the last one was used last
	classes map[string]*readings // of those whose calls trapped
}

func newExplainers() explainers {
	return explainers{turns: newGate(1, false), classes: map[string]*readings{}}
}

type explainer struct {
	m    *Module
	once sync.Once
	info *debugInfo
	rest *time.Timer // lets go of it
}

const (
	maxExplainers = 4
	explainerRest = 5 * time.Minute // after which one is read anew

	explainPatience = 5 * time.Second // for a turn; without one there are numbers instead of names
)

// of returns the debug information of m, for a class.
func (x *explainers) of(m *Module, class string) *debugInfo {
	x.mu.Lock()
	var e *explainer
	if i := slices.IndexFunc(x.kept, func(e *explainer) bool { return e.m == m }); i >= 0 {
		e = x.kept[i]
		x.kept = slices.Delete(x.kept, i, i+1)
	} else if !m.explained.again(maxReadings) || !x.readingsOf(class).again(maxClassReadings) {
		x.mu.Unlock()
		return decodeDebug(nil)
	} else {
		e = &explainer{m: m, rest: time.AfterFunc(explainerRest, func() { x.forget(m) })}
	}
	if len(x.kept) == maxExplainers {
		x.kept[0].rest.Stop() // it holds the module
		x.kept = slices.Delete(x.kept, 0, 1)
	}
	x.kept = append(x.kept, e)
	x.mu.Unlock()
	e.once.Do(func() {
		data := m.debug.memory
		if m.debug.key != "" {
			data, _ = readBounded(m.rt.cache.file(m.debug.key, debugSuffix), maxDebug) // without it there are numbers
		}
		e.info = decodeDebug(data)
	})
	return e.info
}

// readings counts how often debug information was read, which may take as long as
// the guest may run: several modules that trap in turns would have it read each
// time. So are those of a class, which may have any number of modules. It is
// guarded by the explainers' lock.
type readings struct {
	since time.Time
	n     int
}

// How often debug information is read within explainerRest, for a module and for a
// class. After that there are numbers instead of names.
const (
	maxReadings      = 3
	maxClassReadings = 40
	maxClasses       = 1000 // that are remembered
)

// again counts one more, if there may be one.
func (r *readings) again(most int) bool {
	if r.over() {
		*r = readings{since: time.Now()}
	}
	r.n++
	return r.n <= most
}

func (r *readings) over() bool { return time.Since(r.since) >= explainerRest }

// readingsOf returns what a class has had read. What the platform starts by itself
// is built before, which takes longer and is bounded by turns of its own.
func (x *explainers) readingsOf(class string) *readings {
	r := x.classes[class]
	if r != nil && class != ours.class {
		return r
	}
	if len(x.classes) >= maxClasses {
		maps.DeleteFunc(x.classes, func(_ string, r *readings) bool { return r.over() })
	}
	if len(x.classes) >= maxClasses {
		clear(x.classes)
	}
	r = &readings{}
	x.classes[class] = r
	return r
}

// forget lets go of that of a module.
func (x *explainers) forget(m *Module) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.kept = slices.DeleteFunc(x.kept, func(k *explainer) bool {
		if k.m == m {
			k.rest.Stop()
		}
		return k.m == m
	})
}

// explain says of err, if it is a trap, what stands in the source where it was.
// That may take longer than the guest may run, so the guest's worker must have been
// given back. Traps take turns, as calls do.
func (m *Module) explain(ctx context.Context, at place, err error) {
	var t *Trap
	if !errors.As(err, &t) || len(t.spots) == 0 {
		return
	}
	info := decodeDebug(nil)
	if m.arrive() == nil {
		defer m.depart()
		turns := m.rt.explainers.turns
		if _, counted, err := turns.enter(ctx, at, explainPatience); err == nil {
			defer turns.leave(at, counted)
			info = m.rt.explainers.of(m, at.class)
		}
	}
	t.Frames, t.spots = m.frames(info, t.spots), nil
}

// frames returns the places that the spots of a trace stand for.
func (m *Module) frames(info *debugInfo, trace []spot) []symbol.Frame {
	var frames []symbol.Frame
	more := len(trace) == engineFrames
	for _, p := range trace {
		if len(frames) > 2*maxFrames { // functions may have been inlined into each
			more = true
			break
		}
		function := p.function
		if m.slice < maxFuel && function > len(m.info.Imports) {
			function-- // the import for yielding stands behind the module's own
		}
		offset := uint64(0)
		if p.offset > 0 {
			offset, _ = info.positions.Original(p.offset)
		}
		for _, f := range info.table.Frames(function, offset) {
			if n := len(frames); f.String() != "" && (n == 0 || frames[n-1] != f) {
				frames = append(frames, f)
			}
		}
	}
	frames = withoutMachinery(frames)
	if len(frames) > maxFrames {
		frames, more = frames[:maxFrames], true
	}
	if more {
		frames = append(frames, symbol.Frame{Function: leftOut})
	}
	return frames
}

// withoutMachinery leaves out by what functions a language ends a program, and
// what these call: it is the same for every trap.
func withoutMachinery(frames []symbol.Frame) []symbol.Frame {
	for i := len(frames) - 2; i >= 0; i-- { // one is left in any case
		if machinery(frames[i].Function) {
			return frames[i+1:]
		}
	}
	return frames
}

func machinery(function string) bool {
	for _, prefix := range []string{"core::panicking::", "std::panicking::", "rust_panic", "rust_begin_unwind", "~lib/builtins/abort"} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return strings.HasPrefix(function, "core::") && strings.HasSuffix(function, "_failed")
}
