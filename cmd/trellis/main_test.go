package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain makes the test binary the program itself, so that tests run what is
// built, without building it again.
func TestMain(m *testing.M) {
	if os.Getenv("TRELLIS_TEST_PROGRAM") != "" || len(os.Args) > 1 && os.Args[1] == childCommand {
		main()
	}
	for _, name := range os.Environ() { // what the developer has set up is not meant
		if name, _, _ = strings.Cut(name, "="); strings.HasPrefix(name, "TRELLIS_") {
			_ = os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

// shell is where somebody types commands: a directory and an environment.
type shell struct {
	t   *testing.T
	dir string
	env []string
}

func newShell(t *testing.T, env ...string) *shell { return &shell{t: t, dir: t.TempDir(), env: env} }

// with returns the shell with more in its environment.
func (s *shell) with(env ...string) *shell {
	return &shell{s.t, s.dir, append(s.env[:len(s.env):len(s.env)], env...)}
}

func (s *shell) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = s.dir, append(append(os.Environ(), "TRELLIS_TEST_PROGRAM=1"), s.env...)
	return cmd
}

// ran is how a command ended.
type ran struct {
	out, errs string
	status    int
}

func (s *shell) run(stdin string, args ...string) ran {
	s.t.Helper()
	cmd := s.command(os.Args[0], args...)
	cmd.Stdin = strings.NewReader(stdin)
	return s.wait(cmd)
}

func (s *shell) wait(cmd *exec.Cmd) ran {
	s.t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return ran{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// ok runs a command that has to succeed and returns what it printed.
func (s *shell) ok(args ...string) string {
	s.t.Helper()
	r := s.run("", args...)
	if r.status != 0 {
		s.t.Fatalf("trellis %s: status %d\n%s%s", strings.Join(args, " "), r.status, r.out, r.errs)
	}
	return r.out
}

// json runs a command with -json and decodes its one document.
func (s *shell) json(v any, args ...string) ran {
	s.t.Helper()
	r := s.run("", append(args, "-json")...)
	d := json.NewDecoder(strings.NewReader(r.out))
	if err := d.Decode(v); err != nil {
		s.t.Fatalf("trellis %s -json: %v\n%s%s", strings.Join(args, " "), err, r.out, r.errs)
	}
	if _, err := d.Token(); err != io.EOF {
		s.t.Fatalf("trellis %s -json printed more than one document:\n%s", strings.Join(args, " "), r.out)
	}
	return r
}

// fails runs a command that has to fail, and looks that it says why and what next.
func (s *shell) fails(status int, why string, args ...string) {
	s.t.Helper()
	r := s.run("", args...)
	if r.status != status || !strings.Contains(r.errs, why) || !strings.Contains(r.errs, "\nNext: ") || r.out != "" {
		s.t.Errorf("trellis %s: status %d, want %d with %q\n%s%s", strings.Join(args, " "), r.status, status, why, r.out, r.errs)
	}
}

// process is a command that goes on.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}

	mu   sync.Mutex
	text bytes.Buffer // what it has said, on either stream
}

// Write implements [io.Writer].
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// start starts a command that goes on until it is stopped.
func (s *shell) start(args ...string) *process {
	s.t.Helper()
	p := &process{t: s.t, cmd: s.command(os.Args[0], args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { defer close(p.done); _ = p.cmd.Wait() }()
	s.t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
	return p
}

// patience is how long a test waits for what has to come.
const patience = 2 * time.Minute

// until waits until it has said something.
func (p *process) until(text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(p.said(), text) {
		select {
		case <-tick.C:
		case <-p.done:
			if !strings.Contains(p.said(), text) {
				p.t.Fatalf("it ended before it said %q:\n%s", text, p.said())
			}
		case <-ctx.Done():
			p.t.Fatalf("it never said %q:\n%s", text, p.said())
		}
	}
}

// stop asks it to end, as an operator does, and returns the exit status.
func (p *process) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("it does not end:\n%s", p.said())
	}
	return p.cmd.ProcessState.ExitCode()
}

// demo starts the demo and returns a shell in which its environment is set.
func demo(t *testing.T, env ...string) *shell {
	t.Helper()
	s := newShell(t, env...)
	s.start("demo", "-data", "data", "-listen", "127.0.0.1:0").until("Stop with Ctrl-C")
	raw, err := os.ReadFile(filepath.Join(s.dir, "data", "demo.env"))
	if err != nil {
		t.Fatal(err)
	}
	return s.with(strings.Fields(string(raw))...)
}

// value returns a variable of the environment.
func (s *shell) value(name string) string {
	for _, e := range s.env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	s.t.Fatalf("%s is not set", name)
	return ""
}
