// Command peerbench has one job done by Trellis's runtime and by its peers, in one
// run on one machine, and prints what a call costs with each of them: see
// README.md. It is a module of its own, so that the peers are no dependencies of
// Trellis.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// options is what the command line says.
type options struct {
	rounds int
	round  time.Duration // of one peer in one round
	only   *regexp.Regexp
	json   string
	smoke  bool
	rust   map[string]string // programs by name
}

// The exit statuses.
const (
	statusMissed = 1
	statusUsage  = 2
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == childCommand {
		os.Exit(child(os.Args[2:], os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parse(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(statusUsage)
	}
	ok, err := run(ctx, o, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "peerbench:", err)
	}
	if err != nil || !ok {
		os.Exit(statusMissed)
	}
}

func parse(args []string, errs io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("peerbench", flag.ContinueOnError)
	f.SetOutput(errs)
	f.IntVar(&o.rounds, "rounds", 15, "rounds over all peers")
	f.DurationVar(&o.round, "round", 75*time.Millisecond, "how long each peer runs in a round")
	only := f.String("only", "", "a regular expression: only the peers whose names match, such as '^trellis/c'")
	f.StringVar(&o.json, "json", "", "also write the figures, as JSON, to this file")
	f.BoolVar(&o.smoke, "smoke", false, "one short round, to see that everything works: no aims, and nothing that is built with cargo")
	wasmtime := f.String("wasmtime", "rust/wasmtime/target/release/peer-wasmtime", "the program of the Rust crate wasmtime")
	extism := f.String("extism", "rust/extism/target/release/peer-extism", "the program of the Rust crate extism")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	usage := func(format string, args ...any) (options, error) {
		err := fmt.Errorf(format, args...)
		fmt.Fprintln(errs, "peerbench:", err)
		return o, err
	}
	if f.NArg() > 0 {
		return usage("%q is not understood: peerbench takes flags only, see -help", f.Arg(0))
	}
	if o.rounds < 1 || o.round < time.Millisecond {
		return usage("-rounds is at least 1, and -round 1ms")
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return usage("-only: %v", err)
	}
	if o.smoke {
		o.rounds, o.round = 1, 10*time.Millisecond
	}
	o.rust = map[string]string{"wasmtime": *wasmtime, "extism": *extism}
	return o, nil
}

// run measures and reports. It says whether every aim was reached.
func run(ctx context.Context, o options, out, errs io.Writer) (ok bool, err error) {
	progress := func(format string, args ...any) { fmt.Fprintf(errs, format+"\n", args...) }
	b, err := newBench(ctx, o, progress)
	if err != nil {
		return false, err
	}
	defer b.close()
	r := report{Machine: machine(), Commit: commit(), Time: time.Now().UTC(), Rounds: o.rounds}
	if r.Peers, r.Pairs, err = b.peers(ctx, peers()); err != nil {
		return false, err
	}
	r.Versions = b.versions() // when those have started that are compared
	if r.Alone, err = b.alone(ctx); err != nil {
		return false, err
	}
	if !o.smoke {
		r.judge(o.only.String() == "")
	}
	r.print(out)
	if o.json != "" {
		if err := write(o.json, r); err != nil {
			return false, err
		}
	}
	return r.reached(), nil
}

func write(path string, r report) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// errNotBuilt says that a peer is not there; what stands around it says how it is
// built.
var errNotBuilt = errors.New("not built")
