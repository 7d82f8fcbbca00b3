package runtime_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

const (
	childArgument    = "compile-child"
	emulatorVariable = "TRELLIS_EMULATOR" // the program that runs this one, if one does
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArgument {
		os.Exit(runtime.CompileChild(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// compiler is the command of a child that compiles, with further arguments. Where
// this process is emulated, the child has to be (see .ci/arm64).
func compiler(t testing.TB, args ...string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	argv := append([]string{self, childArgument}, args...)
	if emulator := os.Getenv(emulatorVariable); emulator != "" {
		argv = append([]string{emulator}, argv...)
	}
	return argv
}

// hostFunc is a [runtime.Host].
type hostFunc func(ctx context.Context, operation string, in []byte) ([]byte, error)

func (h hostFunc) Call(ctx context.Context, operation string, in []byte) ([]byte, error) {
	return h(ctx, operation, in)
}

func newRuntime(t testing.TB, cfg runtime.Config) *runtime.Runtime {
	t.Helper()
	r, err := runtime.New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return r
}

func guest(t testing.TB, name string) []byte {
	t.Helper()
	binary, err := os.ReadFile(filepath.Join("testdata", name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// compile returns a module of testdata. The time limit is raised, unless l says
// one: this machine may be busy.
func compile(t testing.TB, r *runtime.Runtime, name string, l runtime.Limits) *runtime.Module {
	t.Helper()
	if l.Time == 0 {
		l.Time = patience
	}
	m, err := r.Compile(context.Background(), guest(t, name), l)
	if err != nil {
		t.Fatalf("compile %s: %v", name, err)
	}
	return m
}

// call calls a hook that must succeed.
func call(t testing.TB, m *runtime.Module, key, hook, in string) string {
	t.Helper()
	out, _, err := m.Call(context.Background(), runtime.Call{Hook: hook, In: []byte(in), Key: key})
	if err != nil {
		t.Fatalf("%s(%q): %v", hook, in, err)
	}
	return string(out)
}

// wantError checks an error's sentinel, or its kind if that is all there is to
// it, and that the message says certain things.
func wantError(t testing.TB, err error, sentinel error, kind trellis.Kind, says ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %v %s", sentinel, kind)
	}
	if sentinel != nil && !errors.Is(err, sentinel) {
		t.Errorf("error is %q, want one that is %q", err, sentinel)
	}
	if got := trellis.KindOf(err); got != kind {
		t.Errorf("kind of %q = %q, want %q", err, got, kind)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
}

func TestNewRefusesBadConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		cfg  runtime.Config
		want string
	}{
		{"workers", runtime.Config{Workers: -1}, "workers -1 is negative"},
		{"file", runtime.Config{Cache: file}, "not a directory"},
		{"others may write", runtime.Config{Cache: open}, "may be written to by others (mode 0777)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := runtime.New(t.Context(), tt.cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestFuelPerSecondIsPlausible(t *testing.T) {
	r := newRuntime(t, runtime.Config{})
	if got := r.FuelPerSecond(); got < 10_000_000 || got > 100_000_000_000 {
		t.Errorf("fuel per second = %d", got)
	}
}

func TestCloseWaitsForCalls(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	r, err := runtime.New(t.Context(), runtime.Config{Host: hostFunc(func(context.Context, string, []byte) ([]byte, error) {
		close(entered)
		<-leave
		return []byte("late"), nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	m := compile(t, r, "host", runtime.Limits{})
	done := make(chan string)
	go func() {
		out, _, err := m.Call(context.Background(), runtime.Call{Hook: "call", In: []byte("\x04slow")})
		if err != nil {
			out = []byte(err.Error())
		}
		done <- string(out)
	}()
	<-entered
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Close(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("close with a call under way: %v", err)
	}
	_, _, err = m.Call(t.Context(), runtime.Call{Hook: "clock"})
	wantError(t, err, nil, trellis.Unavailable, "the runtime is closed")
	_, err = r.Compile(t.Context(), guest(t, "echo"), runtime.Limits{Time: patience})
	wantError(t, err, nil, trellis.Unavailable, "the runtime is closed")
	close(leave)
	if got := <-done; got != "0late" {
		t.Errorf("the call under way answered %q", got)
	}
	for range 2 { // closing again changes nothing
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestModuleCloseLetsCallsEnd(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	r := newRuntime(t, runtime.Config{Host: hostFunc(func(context.Context, string, []byte) ([]byte, error) {
		close(entered)
		<-leave
		return nil, nil
	})})
	for _, isolation := range []runtime.Isolation{runtime.Pristine, runtime.Pinned} {
		entered, leave = make(chan struct{}), make(chan struct{})
		m := compile(t, r, "host", runtime.Limits{Isolation: isolation})
		done := make(chan error)
		go func() {
			_, _, err := m.Call(context.Background(), runtime.Call{Hook: "call", In: []byte("\x04slow")})
			done <- err
		}()
		<-entered
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
		_, _, err := m.Call(t.Context(), runtime.Call{Hook: "clock"})
		wantError(t, err, nil, trellis.Unavailable, "the module is closed")
		close(leave)
		if err := <-done; err != nil {
			t.Errorf("%v: the call under way: %v", isolation, err)
		}
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
