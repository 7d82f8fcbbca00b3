package runtime_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

var soakFor = flag.Duration("soak", 4*time.Second, "how long TestSoak runs")

// TestSoak runs all sorts of guests together, good and hostile, while modules are
// closed and compiled anew, and fails if what the process holds keeps growing. For
// an hour of it, with a line of figures a minute:
//
//	go test -run TestSoak -v -timeout 0 ./runtime -args -soak 1h
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("runs all sorts of guests for some seconds")
	}
	s := newSoak(t)
	ctx, cancel := context.WithTimeout(t.Context(), *soakFor)
	defer cancel()
	var callers sync.WaitGroup
	for n := range 4 {
		callers.Go(func() {
			for dice := rand.New(rand.NewPCG(uint64(n), 1)); ctx.Err() == nil; {
				s.step(dice)
			}
		})
	}
	var samples []sample
	ticks := time.NewTicker(min(time.Minute, *soakFor/16))
	defer ticks.Stop()
	for ctx.Err() == nil {
		select {
		case <-ticks.C:
			samples = append(samples, s.sample())
			t.Log(samples[len(samples)-1])
		case <-ctx.Done():
		}
	}
	callers.Wait()
	quarter := len(samples) / 4
	if quarter == 0 {
		t.Fatalf("only %d samples in %v", len(samples), *soakFor)
	}
	first, last := mean(samples[:quarter]), mean(samples[len(samples)-quarter:])
	t.Logf("first quarter: %v", first)
	t.Logf("last quarter:  %v", last)
	// Room for what the collector and the pools come to in their own time.
	if last.rss > first.rss+first.rss/4+32<<20 || last.held.heap > first.held.heap*2+16<<20 {
		t.Errorf("memory grows")
	}
	if last.held.goroutines > first.held.goroutines+4 || last.held.files > first.held.files+8 || last.held.mappings > first.held.mappings+100 {
		t.Errorf("goroutines, files or mappings leak")
	}
}

// soak is what the callers share.
type soak struct {
	t       *testing.T
	r       *runtime.Runtime
	guests  []*soakGuest
	still   sync.RWMutex // held for writing while a sample is taken, when nobody calls
	calls   atomic.Int64
	longest atomic.Int64 // nanoseconds that a guest ran
	variant atomic.Int64
	begun   time.Time

	// Since the last sample, for which only one goroutine asks.
	sampled time.Time
	before  int64
	pauses  []uint64
}

// soakGuest is a module that is called, and now and then compiled anew.
type soakGuest struct {
	name   string
	binary []byte
	limits runtime.Limits
	calls  []soakCall
	module atomic.Pointer[runtime.Module]
}

type soakCall struct {
	hook, in string
	budget   runtime.Budget
	want     error // nil: an answer
}

func newSoak(t *testing.T) *soak {
	s := &soak{t: t, begun: time.Now(), sampled: time.Now()}
	s.r = newRuntime(t, runtime.Config{Cache: cacheDir(t), Compiler: compiler(t, childMemory()...), Host: s})
	s.guests = soakGuests(s.r, t)
	for _, g := range s.guests {
		s.renew(g)
	}
	t.Cleanup(func() {
		for _, g := range s.guests {
			_ = g.module.Load().Close(context.Background())
		}
	})
	return s
}

func soakGuests(r *runtime.Runtime, t *testing.T) []*soakGuest {
	brief := runtime.Budget{Fuel: r.FuelPerSecond() / 200}
	late := runtime.Budget{Time: 2 * time.Millisecond}
	list := []*soakGuest{
		{name: "echo", calls: []soakCall{{hook: "upper", in: "hello"}, {hook: "echo", in: strings.Repeat("x", 300_000)}}},
		{name: "counter", calls: []soakCall{{hook: "count"}, {hook: "fail", want: runtime.ErrTrap}, {hook: "keep", in: "secret"}}},
		{name: "counter", limits: runtime.Limits{Isolation: runtime.Pinned, Instances: 4}, calls: []soakCall{{hook: "count"}, {hook: "fail", want: runtime.ErrTrap}}},
		{name: "big", calls: []soakCall{{hook: "sum"}}},
		{name: "grow", calls: []soakCall{{hook: "some", in: "123"}, {hook: "all", want: runtime.ErrMemory}, {hook: "echo", in: "x"}}},
		{name: "host", calls: []soakCall{{hook: "clock"}, {hook: "call", in: "\x04echo!"}, {hook: "call", in: "\x06nested"},
			{hook: "call", in: "\x04wait", budget: late, want: runtime.ErrTime}, {hook: "many", in: "\x05"}}},
		{name: "trap", calls: []soakCall{{hook: "fine", in: "x"}, {hook: "unreachable", want: runtime.ErrTrap}, {hook: "bounds", want: runtime.ErrTrap}}},
		{name: "spin", calls: []soakCall{{hook: "spin", budget: brief, want: runtime.ErrFuel}, {hook: "recurse", want: runtime.ErrTrap}}},
		{name: "log", calls: []soakCall{{hook: "flood", in: "twelve bytes"}}},
		{name: "wasi", calls: []soakCall{{hook: "print"}, {hook: "exit", in: "3", want: runtime.ErrTrap}, {hook: "flood", budget: brief, want: runtime.ErrFuel}}},
	}
	list = append(list,
		&soakGuest{name: "command", calls: []soakCall{{hook: "echo", in: "hello"}, {hook: "arguments"}, {hook: "use", in: "3000000"},
			{hook: "leave", in: "3", want: runtime.ErrTrap}, {hook: "crash", want: runtime.ErrTrap}, {hook: "flood", want: runtime.ErrOutput}}},
		&soakGuest{name: "extism", calls: []soakCall{{hook: "echo", in: "hello"}, {hook: "echo", in: strings.Repeat("x", 60_000)}, {hook: "count", in: "x"}, {hook: "large"}}},
		&soakGuest{name: "spin", limits: runtime.Limits{Fuel: r.FuelPerSecond()}, calls: []soakCall{{hook: "work", in: "x"}, {hook: "spin", budget: brief, want: runtime.ErrFuel}}},
	)
	for _, g := range list {
		g.binary = guest(t, g.name)
	}
	list = append(list, &soakGuest{name: "table", binary: tableGuest(), calls: []soakCall{{hook: "hook"}}})
	for _, some := range [][]attack{stackAttacks(), memoryAttacks(), floodAttacks()} {
		for _, a := range some[:4] {
			if a.sentinel != nil {
				list = append(list, &soakGuest{name: a.name, binary: a.module, calls: []soakCall{{hook: "attack", budget: brief, want: a.sentinel}, {hook: "hook"}}})
			}
		}
	}
	return list
}

// Call answers the guests: it echoes, waits for the guest's time to be over, or
// calls another guest.
func (s *soak) Call(ctx context.Context, op string, in []byte) ([]byte, error) {
	switch op {
	case "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	case "nested":
		out, _, err := s.guests[0].module.Load().Call(ctx, runtime.Call{Hook: "upper", In: []byte("nested"), Key: "nested"})
		return out, err
	}
	return in, nil
}

// step makes one call, or once in a while compiles a module anew.
func (s *soak) step(dice *rand.Rand) {
	s.still.RLock()
	defer s.still.RUnlock()
	g := s.guests[dice.IntN(len(s.guests))]
	if dice.IntN(300) == 0 {
		s.renew(g)
		return
	}
	c := g.calls[dice.IntN(len(g.calls))]
	if c.want != nil && dice.IntN(5) > 0 {
		return // mostly they are good
	}
	_, stats, err := g.module.Load().Call(context.Background(), runtime.Call{
		Hook: c.hook, In: []byte(c.in), Budget: c.budget, Key: fmt.Sprint("key", dice.IntN(10)), Class: fmt.Sprint("class", dice.IntN(3)),
		Log: func(int, string) {},
	})
	s.calls.Add(1)
	for was := s.longest.Load(); int64(stats.Time) > was && !s.longest.CompareAndSwap(was, int64(stats.Time)); {
		was = s.longest.Load()
	}
	closed := err != nil && strings.Contains(err.Error(), "the module is closed")
	switch busy := trellis.KindOf(err) == trellis.Exhausted; {
	case closed || busy:
	case c.want == nil && err != nil, c.want != nil && !errors.Is(err, c.want):
		s.t.Errorf("%s/%s: %v, want %v", g.name, c.hook, err, c.want)
	}
}

// renew compiles a module again: mostly from the cache, at times as one that was
// never seen.
func (s *soak) renew(g *soakGuest) {
	binary := g.binary
	if n := s.variant.Add(1); n%20 == 0 {
		binary = append(binary[:len(binary):len(binary)], rawSection(0, name("variant"), []byte(fmt.Sprint(n)))...)
	}
	l := g.limits
	l.Time = time.Minute
	m, err := s.r.Compile(context.Background(), binary, l)
	if trellis.KindOf(err) == trellis.Exhausted && g.module.Load() != nil {
		return // no worker was free, on a busy machine: the one before goes on
	}
	if err != nil {
		s.t.Errorf("compile %s: %v", g.name, err)
		return
	}
	if old := g.module.Swap(m); old != nil {
		_ = old.Close(context.Background())
	}
}

// sample is what the process holds at a moment when nobody calls, and what
// happened since the sample before.
type sample struct {
	after          time.Duration
	rss            int
	held           holdings
	rate           float64 // calls a second
	longest, pause time.Duration
}

func (s sample) String() string {
	return fmt.Sprintf("%8v: RSS %d KiB, %v, %.0f calls/s, longest call %v, longest pause of the collector %v",
		s.after.Round(time.Second/10), s.rss>>10, s.held, s.rate, s.longest.Round(time.Millisecond), s.pause.Round(10*time.Microsecond))
}

func (s *soak) sample() sample {
	pause := s.pause() // before the collections that follow
	s.still.Lock()
	defer s.still.Unlock()
	now, calls := time.Now(), s.calls.Load()
	rate := float64(calls-s.before) / now.Sub(s.sampled).Seconds()
	for range 2 { // finalizers run after the first
		debug.FreeOSMemory()
	}
	got := sample{after: now.Sub(s.begun), rss: residentSize(), held: held(), rate: rate, longest: time.Duration(s.longest.Swap(0)), pause: pause}
	s.before, s.sampled = calls, time.Now()
	return got
}

// pause returns the longest time, to the bound of its class, that the collector
// stopped the process for since it was last asked. A guest cannot be stopped, so
// this is how long the longest one kept everybody waiting.
func (s *soak) pause() time.Duration {
	read := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(read)
	h := read[0].Value.Float64Histogram()
	longest := 0.0
	for i, n := range h.Counts {
		if s.pauses == nil || n > s.pauses[i] {
			if bound := h.Buckets[i+1]; n > 0 && !math.IsInf(bound, 1) {
				longest = bound
			}
		}
	}
	s.pauses = append(s.pauses[:0], h.Counts...)
	return time.Duration(longest * float64(time.Second))
}

// residentSize returns the bytes of memory that the process has; 0 if the system
// does not say.
func residentSize() int {
	var all, resident int
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscan(string(text), &all, &resident); err != nil {
		return 0
	}
	return resident * os.Getpagesize()
}

func mean(samples []sample) (m sample) {
	for _, s := range samples {
		m.after = s.after
		m.rss += s.rss
		m.rate += s.rate
		m.held.goroutines += s.held.goroutines
		m.held.files += s.held.files
		m.held.mappings += s.held.mappings
		m.held.heap += s.held.heap
		m.longest, m.pause = max(m.longest, s.longest), max(m.pause, s.pause)
	}
	n := len(samples)
	m.rss, m.rate = m.rss/n, m.rate/float64(n)
	m.held = holdings{m.held.goroutines / n, m.held.files / n, m.held.mappings / n, m.held.heap / n}
	return m
}
