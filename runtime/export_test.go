package runtime

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/trellis-learning/trellis/runtime/instrument"
)

// LaneBound is how many calls of one key may wait.
const LaneBound = laneBound

// ClassBound is how many calls of one class may wait.
const ClassBound = classBound

// Queued returns how many calls of key, in the class of that name, wait for a
// slot of m.
func Queued(m *Module, key string) int { return m.gate.queued(place{key, key}) }

// QueuedInAll returns how many calls wait for a slot of m.
func QueuedInAll(m *Module) int {
	return int(m.gate.waiting.Load())
}

// Visit has a call of a class look for one of r's workers, after which no class is
// alone for so long.
func Visit(r *Runtime, class string, calm time.Duration) {
	r.workers.mu.Lock()
	defer r.workers.mu.Unlock()
	r.workers.calm = calm
	r.workers.visit(class)
}

// Wanted reports whether a call of a class that has had one of r's workers for so
// many slices would let others go first.
func Wanted(r *Runtime, class string, slices int) bool { return r.workers.wanted(class, slices) }

// TurnSlices is after how many slices it does so for its own class.
const TurnSlices = turnSlices

// QueuedForWorkers returns how many calls wait for one of r's workers.
func QueuedForWorkers(r *Runtime) int {
	return int(r.workers.waiting.Load())
}

func (g *gate) queued(at place) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.classes[at.class]; c != nil && c.lanes[at.key] != nil {
		return len(c.lanes[at.key].calls)
	}
	return 0
}

// Idle returns how many instances of m wait to be used.
func Idle(m *Module) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.idle)
	for i := range m.parked {
		if m.parked[i].Load() != nil {
			n++
		}
	}
	return n
}

// WASI returns the functions of preview 1: name, parameters and results.
func WASI() (functions [][3]string) {
	for _, f := range wasiFunctions() {
		functions = append(functions, [3]string{f.name, f.params, f.results})
	}
	return functions
}

// Extism returns the functions that Extism guests may import: module, name,
// parameters and results.
func Extism() (functions [][4]string) {
	for _, f := range slices.Concat(extismFunctions(), extismUserFunctions()) {
		functions = append(functions, [4]string{f.module, f.name, f.params, f.results})
	}
	return functions
}

// DecodeEntry is what reads an entry of the cache.
func DecodeEntry(data []byte) error {
	_, _, err := decodeEntry(data)
	return err
}

// DecodeImage is what reads an image of the cache, after its digest was found to
// be right, for a module with one page to two and so many globals. It returns
// what would be written of it, and its size.
func DecodeImage(body []byte, globals int) (again []byte, size int, err error) {
	sum := sha256.Sum256(body)
	info := instrument.Info{MinMemory: 1, MaxMemory: 2, Globals: make([]byte, globals), Resettable: true}
	im, err := decodeImage(append(body[:len(body):len(body)], sum[:]...), "trellis/1", info, copyLimitDrop)
	if err != nil {
		return nil, 0, err
	}
	return im.encode("trellis/1"), im.size, nil
}

// Builds admits compilations.
type Builds = builds

// NewBuilds is what admits compilations, so many at a time.
func NewBuilds(slots int) *Builds { return newBuilds(slots) }

// Do runs build, on behalf of a key of a class, for that module.
func (b *builds) Do(ctx context.Context, class, key, module string, build func() error) error {
	return b.do(ctx, place{class, key}, module, build)
}

// WaitingBuilds is how many modules of a key, and WaitingOfClass how many of a class,
// may wait to be compiled.
const (
	WaitingBuilds  = waitingBuilds
	WaitingOfClass = waitingOfClass
)

// Fill makes n idle instances of m, each of which has run the call c.
func Fill(m *Module, n int, c Call) error {
	ctx := context.Background()
	var all []*instance
	for range n {
		inst, _, err := m.create(ctx, m.rt.startBudget())
		if err != nil {
			return err
		}
		if _, _, err := inst.run(ctx, &c, m.rt.startBudget(), 0, nil, new(Stats)); err != nil {
			return err
		}
		if !m.putBack(inst, len(c.In)) {
			return errNoMemory
		}
		all = append(all, inst)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.idle = append(m.idle, all...)
	return nil
}

// Cool lets go of the memory of m's idle instances, as the sweeper does after some
// seconds.
func Cool(m *Module) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, inst := range m.idle {
		inst.cool()
	}
}

// FreeWorkers returns how many of r's workers nobody has.
func FreeWorkers(r *Runtime) int { return int(r.workers.free.Load()) }

// MemoryFor is what a child may use for a module of so many bytes.
var MemoryFor = memoryFor
