package runtime

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

const (
	childMemory = 768 << 20        // default of -memory
	childCPU    = 60 * time.Second // default of -cpu
	childModule = 64 << 20         // bytes that a child reads at most
	childReport = 16 << 20
	childStderr = 64 << 10
)

// report is what a child prints.
type report struct {
	Info  *instrument.Info `json:"info,omitempty"`
	Error *problem         `json:"error,omitempty"`
	Limit *LimitError      `json:"limit,omitempty"` // that the module exceeds
}

// CompileChild is the main function of the child process that [Config.Compiler]
// names: it limits its own memory and processor time, compiles the module on
// stdin into the cache of its parent, prints what it found as JSON, and returns
// the exit status. Before the arguments that the parent adds, args may hold
//
//	-memory N   bytes of data that it may use for the largest modules; for smaller
//	            ones it is less (default 768 MiB; 0: no limit)
//	-cpu N      seconds of processor time (default 60; 0: no limit)
//
// Both limits hold on Linux only; elsewhere the parent's deadline remains.
func CompileChild(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("compile-child", flag.ContinueOnError)
	flags.SetOutput(stderr)
	memory := flags.Uint64("memory", childMemory, "bytes of data, at most; 0: no limit")
	size := flags.Int("size", childModule, "bytes of the module")
	cpu := flags.Uint64("cpu", uint64(childCPU/time.Second), "seconds of processor time; 0: no limit")
	cacheDir := flags.String("cache", "", "directory of compiled modules")
	dir := flags.String("dir", "", "directory to work in, inside the cache")
	key := flags.String("key", "", "name of the entry")
	limits := flags.String("limits", "", "limits of the rewriter, as JSON")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	var l instrument.Limits
	if err := trellis.DecodeStrict([]byte(*limits), &l); err != nil || *cacheDir == "" || *dir == "" || *key == "" {
		fmt.Fprintln(stderr, "compile-child is started by the server, which gives it -cache, -dir, -key and -limits")
		return 2
	}
	var said sync.Once // there is one report, whoever comes first
	say := func(r report) { said.Do(func() { printReport(stdout, r) }) }
	spent := func() {
		over := overLimit("time")
		say(report{Error: &problem{trellis.Invalid, over.Error()}, Limit: over})
		os.Exit(1)
	}
	allowed := memoryFor(*size, *memory)
	if err := limitChild(allowed, *cpu, spent); err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	if allowed > 0 {
		debug.SetMemoryLimit(int64(allowed / 4 * 3)) // collect rather than die
	}
	info, err := compileFrom(stdin, workspace{*cacheDir, *dir}, *key, l)
	if err != nil {
		say(report{Error: &problem{trellis.KindOf(err), err.Error()}, Limit: limitOf(err)})
		return 1
	}
	say(report{Info: &info})
	return 0
}

// What it takes to compile a module, which hardly depends on what is in it: 326 MiB
// for PHP's 13 MB, 426 for Ruby's 24, as much as that and a half to be able to collect
// garbage.
const (
	usualChild   = 384 << 20 // of a module of so many bytes
	usualModule  = 4 << 20
	childPerByte = 16 // of a larger one, for each byte more
	noLimit      = 0
)

// memoryFor returns how much memory the child has for a module of so many bytes: as
// much as most allows, if it is large, or 0 for no limit.
func memoryFor(size int, most uint64) uint64 {
	if most == noLimit {
		return noLimit
	}
	return min(most, usualChild+childPerByte*uint64(max(size-usualModule, 0)))
}

func compileFrom(stdin io.Reader, w workspace, key string, l instrument.Limits) (instrument.Info, error) {
	binary, err := io.ReadAll(io.LimitReader(stdin, childModule+1))
	if err != nil {
		return instrument.Info{}, fmt.Errorf("read module: %w", err)
	}
	if len(binary) > childModule {
		return instrument.Info{}, trellis.Errorf(trellis.Invalid, "the module has more than %d bytes", childModule)
	}
	return w.build(context.Background(), key, binary, l)
}

// overLimit says that a child came up against its limit of memory or time.
func overLimit(what string) *LimitError {
	words := map[string]string{"time": "processor time"}
	return &LimitError{Limit: "compile " + what, Format: "compiling needs more " + cmp.Or(words[what], what) + " than allowed"}
}

// overMemory is that for memory, with what a module of so many bytes was allowed in
// MiB and twice as much, to be tried.
func overMemory(compiler []string, size int) *LimitError {
	allowed := memoryFor(size, memoryOf(compiler))
	if allowed == noLimit {
		return overLimit("memory")
	}
	mib := int(allowed >> 20)
	return &LimitError{Limit: "compile memory", Found: 2 * mib, Allowed: mib, Format: "compiling needs more memory than allowed: try %dMiB, it was %dMiB"}
}

// memoryOf returns the limit that the command of a child gives it.
func memoryOf(compiler []string) uint64 {
	for i := len(compiler) - 2; i > 0; i-- {
		if n, err := strconv.ParseUint(compiler[i+1], 10, 64); err == nil && strings.TrimLeft(compiler[i], "-") == "memory" {
			return n
		}
	}
	return childMemory
}

func printReport(w io.Writer, r report) {
	_ = json.NewEncoder(w).Encode(r) // a parent that is gone needs no report
}

// buildInChild has the child compile a module into the cache. What is wrong with
// the module, and a child that its limits ended, are errors of kind Invalid.
func (r *Runtime) buildInChild(ctx context.Context, w workspace, key string, binary []byte, l instrument.Limits) error {
	if len(binary) > childModule {
		return trellis.Errorf(trellis.Invalid, "the module has more than %d bytes", childModule)
	}
	limits, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode limits: %w", err)
	}
	timed, cancel := context.WithTimeout(ctx, childDeadline)
	defer cancel()
	argv := append(r.cfg.Compiler[:len(r.cfg.Compiler):len(r.cfg.Compiler)],
		"-size", strconv.Itoa(len(binary)), "-cache", w.cache, "-dir", w.dir, "-key", key, "-limits", string(limits))
	cmd := exec.CommandContext(timed, argv[0], argv[1:]...)
	cmd.Env = []string{"HOME=" + w.dir, "TMPDIR=" + w.dir, "GOTRACEBACK=none"} // nothing of ours: it reads hostile input
	cmd.Stdin = bytes.NewReader(binary)
	out, complaint := &head{limit: childReport}, &head{limit: childStderr}
	cmd.Stdout, cmd.Stderr = out, complaint
	cmd.WaitDelay = 5 * time.Second
	alone(cmd)
	start := time.Now()
	err = cmd.Run()
	r.log.Debug("module compiled", "key", key, "bytes", len(binary), "took", time.Since(start), "err", err)
	var rep report
	if json.Unmarshal(out.data, &rep) == nil && rep.Error != nil {
		return rep.refusal()
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case timed.Err() != nil:
		return trellis.Errorf(trellis.Invalid, "compiling takes longer than the %v allowed", childDeadline)
	case !errors.As(err, &exit):
		return fmt.Errorf("start compiler %s: %w", argv[0], err)
	}
	switch what := limitThatEnded(exit.ProcessState, complaint.data); what {
	case "":
	case "memory":
		return trellis.Errorf(trellis.Invalid, "%w", overMemory(r.cfg.Compiler, len(binary)))
	default:
		return trellis.Errorf(trellis.Invalid, "%w", overLimit(what))
	}
	return fmt.Errorf("compiler %s: %w: %s", argv[0], err, clean(string(complaint.data), 500))
}

// limitThatEnded returns which limit a child came up against, "" if none.
func limitThatEnded(state *os.ProcessState, stderr []byte) string {
	// Go says in many ways that it got no memory, and at some places only by
	// crashing in its own code; a bug of the compiler would be a panic, unless it is
	// the engine's answer to memory for machine code that it does not get.
	for _, sign := range []string{"fatal error:", "out of memory", "cannot allocate memory", "pthread_create failed", "SIGSEGV: segmentation violation\nPC="} {
		if bytes.Contains(stderr, []byte(sign)) && (!bytes.Contains(stderr, []byte("panic:")) || bytes.HasPrefix(stderr, []byte("panic: cannot allocate memory"))) {
			return "memory"
		}
	}
	if killed(state) {
		if state.UserTime()+state.SystemTime() >= 900*time.Millisecond { // the kernel counts in ticks, and the least limit is a second
			return "time"
		}
		return "memory" // the kernel's choice when memory ends
	}
	return ""
}

// head keeps the first bytes written to it, up to a limit, and swallows the rest.
type head struct {
	data  []byte
	limit int
}

func (h *head) Write(p []byte) (int, error) {
	h.data = append(h.data, p[:min(len(p), h.limit-len(h.data))]...)
	return len(p), nil
}
