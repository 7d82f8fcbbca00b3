package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	goruntime "runtime"
	"slices"
	"time"

	"github.com/trellis-learning/trellis/runtime/peerbench/job"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// peer is one way to have the job done.
type peer struct {
	name  string // such as "trellis/c/pinned": for -only, the aims and the JSON
	title string // what the table calls it
	floor string // the peer that it is compared with in the table
	open  func(context.Context, *bench) (worker, error)
}

// group is peers that stand together in the table.
type group struct {
	title string
	peers []peer
}

// peers is everything that is measured, in the order of the table.
func peers() []group {
	return []group{nativePeers(), wazeroPeers(), trellisPeers(), wasmtimePeers(), extismPeers(), otherPeers()}
}

// worker is a peer that is ready to work.
type worker struct {
	// do does the job once, with the input of all, and appends the answer to dst.
	do func(dst []byte) ([]byte, error)
	// repeat, if not nil, does it n times and says how long that took: where do
	// would measure the way there too.
	repeat func(n int) (time.Duration, error)
	// wakes says that each call wakes another process up.
	wakes bool
	// sorts says that the answer's keys are in another order.
	sorts bool
	close func()
}

// check has the job done, and wants the right answer more than once: a peer that
// keeps state must not be changed by its first call.
func (w worker) check() error {
	want := job.Answer(wasm.JobInput)
	for range 3 {
		got, err := w.do(nil)
		if err != nil {
			return err
		}
		if w.sorts {
			got = reordered(got)
			want = reordered(want)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("it answered %.400q, not %q", got, want)
		}
	}
	return nil
}

// reordered is a JSON text with its keys sorted.
func reordered(text []byte) []byte {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return text
	}
	text, _ = json.Marshal(v)
	return text
}

// batches is into how many pieces a round is cut.
const batches = 10

// calibrate returns how many jobs make a batch.
func (w worker) calibrate(batch time.Duration) (int, error) {
	for n := 1; ; n *= 2 {
		took, err := w.times(n)
		if err != nil {
			return 0, err
		}
		if took >= batch/4 || n >= 1<<24 {
			return max(1, int(float64(n)*float64(batch)/float64(max(took, 1)))), nil
		}
	}
}

// times does the job n times.
func (w worker) times(n int) (time.Duration, error) {
	if w.repeat != nil {
		return w.repeat(n)
	}
	var dst []byte
	start := time.Now()
	for range n {
		var err error
		if dst, err = w.do(dst[:0]); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// running is a worker in the course of the rounds.
type running struct {
	peer
	worker
	n       int
	rounds  []float64 // nanoseconds a job: the fastest batch of each round, or the middle one if it varies
	middles []float64 // the middle batch of each round
	allocs  uint64    // a job, as far as this process sees
	bytes   uint64
}

// round runs the worker once more.
func (r *running) round() error {
	goruntime.GC() // what others left behind is not to be paid for here
	fastest, middle, err := r.typical(r.n, batches)
	if err != nil {
		return err
	}
	if r.varies() {
		fastest = middle
	}
	r.rounds, r.middles = append(r.rounds, fastest), append(r.middles, middle)
	return nil
}

// litter is how many bytes a call may allocate before collecting them is a part of
// what it costs that one has to wait for.
const litter = 4 << 10

// varies says whether calls differ by what belongs to their cost: another process
// is woken up, garbage is collected.
func (r *running) varies() bool { return r.wakes || r.bytes >= litter }

// typical returns the nanoseconds of a job, out of several batches of n: those of
// the fastest, which passes over what somebody else did on the machine meanwhile,
// and of the middle one, which counts where calls vary by themselves.
func (r *running) typical(n, batches int) (fastest, middle float64, err error) {
	all := make([]float64, batches)
	for i := range all {
		took, err := r.times(n)
		if err != nil {
			return 0, 0, err
		}
		all[i] = float64(took) / float64(n)
	}
	return slices.Min(all), median(all), nil
}

// count counts allocations, by itself: reading the counters takes time.
func (r *running) count() error {
	if r.repeat != nil {
		return nil
	}
	n := r.n
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	if _, err := r.times(n); err != nil {
		return err
	}
	goruntime.ReadMemStats(&after)
	// Whole numbers, as package testing has them: the rest is the collector's own.
	r.allocs, r.bytes = (after.Mallocs-before.Mallocs)/uint64(n), (after.TotalAlloc-before.TotalAlloc)/uint64(n)
	return nil
}

func median(of []float64) float64 {
	s := slices.Sorted(slices.Values(of))
	if len(s) == 0 {
		return 0
	}
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// peers measures all of them: each is opened and checked, then they take turns, so
// that what happens to the machine happens to all.
func (b *bench) peers(ctx context.Context, groups []group) (all []figures, side []pair, err error) {
	var ready []*running
	for _, g := range groups {
		for _, p := range g.peers {
			if !b.only.MatchString(p.name) {
				continue
			}
			f := figures{Name: p.name, Group: g.title, Title: p.title, floor: p.floor}
			r, err := b.open(ctx, p)
			switch {
			case errors.Is(err, errNotBuilt):
				f.Missing = err.Error()
			case err != nil:
				return nil, nil, fmt.Errorf("%s: %w", p.name, err)
			default:
				defer r.close()
				ready = append(ready, r)
			}
			all = append(all, f)
		}
	}
	for n := range b.rounds {
		if len(ready) == 0 {
			break
		}
		b.progress("round %d of %d: %d peers", n+1, b.rounds, len(ready))
		for i := range ready {
			r := ready[(i+n)%len(ready)] // nobody always follows the same neighbour
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
			if err := r.round(); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", r.name, err)
			}
		}
	}
	for _, r := range ready {
		i := slices.IndexFunc(all, func(f figures) bool { return f.Name == r.name })
		all[i].fill(r)
	}
	if !b.smoke {
		side, err = b.pairs(ctx, ready)
	}
	return all, side, err
}

func (b *bench) open(ctx context.Context, p peer) (*running, error) {
	b.progress("open %s", p.name)
	w, err := p.open(ctx, b)
	if err != nil {
		return nil, err
	}
	if w.close == nil {
		w.close = func() {}
	}
	r := &running{peer: p, worker: w}
	if err = w.check(); err == nil {
		r.n, err = w.calibrate(b.round / batches)
	}
	if err == nil {
		err = r.count()
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return r, nil
}
