package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trellis-learning/trellis/runtime"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// isolations are what density is measured for: what extensions are by default, and
// what keeps its state.
func isolations() []runtime.Isolation { return []runtime.Isolation{runtime.Pristine, runtime.Pinned} }

// density measures, in processes of their own, what an idle instance holds.
func (b *bench) density(name, title string, of source) (all []figure, err error) {
	path, err := b.file("density-"+name, of)
	if err != nil {
		return nil, err
	}
	count := 1000
	if b.smoke {
		count = 50
	}
	for _, isolation := range isolations() {
		suffix := ""
		if isolation != runtime.Pristine {
			suffix = "-" + isolation.String()
		}
		figures := []figure{
			{Name: "density/" + name + suffix, Title: fmt.Sprintf("%s, %s: resident memory of an idle instance, of %d", title, isolation, count), Unit: "KiB"},
			{Name: "own/" + name + suffix, Title: fmt.Sprintf("%s, %s: of that its own, not shared with the others", title, isolation), Unit: "KiB"},
			{Name: "budget/" + name + suffix, Title: fmt.Sprintf("%s, %s: what the runtime takes it for", title, isolation), Unit: "KiB"},
		}
		if _, err := resident(); err != nil {
			for i := range figures {
				figures[i].Missing = err.Error()
			}
			all = append(all, figures...)
			continue
		}
		cmd, err := self("density", path, strconv.Itoa(count), isolation.String())
		if err != nil {
			return nil, err
		}
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, err
		}
		fields := strings.Fields(string(out))
		if len(fields) != len(figures) {
			return nil, fmt.Errorf("the child says %q, not %d figures", out, len(figures))
		}
		for i, field := range fields {
			each, err := strconv.ParseFloat(field, 64)
			if err != nil {
				return nil, err
			}
			figures[i].set([]float64{each})
		}
		all = append(all, figures...)
	}
	return all, nil
}

// density holds as many instances as it is told, and one more, each of which was
// called once or twice, and prints how much memory each of them holds, how much of
// it alone, and how much the runtime thinks that it does.
func density(args []string, out io.Writer) error {
	binary, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	limits := runtime.Limits{Instances: count + 1, Time: time.Minute}
	if args[2] == runtime.Pinned.String() {
		limits.Isolation = runtime.Pinned
	}
	ctx := context.Background()
	c := &crowd{}
	r, err := runtime.New(ctx, runtime.Config{Host: c, Memory: math.MaxInt}) // none is closed to make room
	if err != nil {
		return err
	}
	defer r.Close(ctx)
	m, err := r.Compile(ctx, binary, limits)
	if err != nil {
		return err
	}
	if err := c.call(ctx, m, 1); err != nil {
		return err
	}
	before, err := settled()
	if err != nil {
		return err
	}
	weighed := r.Usage()
	if err := c.call(ctx, m, count+1); err != nil {
		return err
	}
	after, err := settled()
	if err != nil {
		return err
	}
	u := r.Usage()
	if weighed.Instances != 1 || u.Instances != count+1 {
		return fmt.Errorf("there are %d instances, first %d, want %d and 1: what is measured is not what they hold", u.Instances, weighed.Instances, count+1)
	}
	each := func(bytes int64) float64 { return float64(bytes) / 1024 / float64(count) }
	_, err = fmt.Fprintf(out, "%.1f %.1f %.1f\n", each(after.resident-before.resident), each(after.own-before.own), each(u.Memory-weighed.Memory))
	return err
}

// crowd is a host at which calls wait for each other: a module has no more
// instances than calls under way at once.
type crowd struct{ arrived sync.WaitGroup }

// Call implements [runtime.Host].
func (c *crowd) Call(context.Context, string, []byte) ([]byte, error) {
	c.arrived.Done()
	c.arrived.Wait()
	return nil, nil
}

// call makes n calls that are all under way at the same moment.
func (c *crowd) call(ctx context.Context, m *runtime.Module, n int) error {
	c.arrived.Add(n)
	failed := make(chan error, n)
	for key := range n {
		go func() {
			_, s, err := m.Call(ctx, runtime.Call{Hook: "wait", In: wasm.JobInput, Key: strconv.Itoa(key), Patience: time.Minute})
			if err != nil && s.HostCalls == 0 {
				c.arrived.Done() // the others do not wait for it
			}
			failed <- err
		}()
	}
	var errs []error
	for range n {
		if err := <-failed; err != nil && len(errs) < 3 {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// settled is what is resident when all is given back that can be.
func settled() (held, error) {
	for range 3 {
		debug.FreeOSMemory()
	}
	return resident()
}

// held is the memory of this process, in bytes. Pages that are in memory once, but
// shown to this process at several addresses, count for each of them in resident,
// and once in own.
type held struct{ resident, own int64 }

// resident reads how much of this process is in memory.
func resident() (held, error) {
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return held{}, fmt.Errorf("resident memory is read from /proc, which is not here: %w", err)
	}
	var h held
	for line := range strings.Lines(string(text)) {
		for name, to := range map[string]*int64{"Rss:": &h.resident, "Pss:": &h.own} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				if err != nil {
					return held{}, err
				}
				*to = kib << 10
			}
		}
	}
	if h.resident == 0 {
		return held{}, errors.New("/proc/self/smaps_rollup does not say what is resident")
	}
	return h, nil
}
