package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

// command is the convention of WASI commands: see the package comment.
type command struct{}

const (
	mainExport = "_start"
	// anyHook stands for the names of all hooks, where a module takes every name.
	anyHook = "*"
	// commandName is argv[0]: a guest does not know under which name it is kept.
	commandName = "module"
	maxHook     = 128
	// statusAnswer is the exit status of a command whose output may be an error.
	statusAnswer = 1
)

func (command) name() string { return "command" }

func (command) offers() []hostFunction { return wasiFunctions() }

func (command) claims(info instrument.Info) bool {
	_, ok := info.Exports[mainExport]
	return ok
}

func (command) check(info instrument.Info) error {
	if got := info.Exports[mainExport]; got != initSignature {
		return trellis.Errorf(trellis.Invalid, "export %q is %s, want %s", mainExport, got, initSignature)
	}
	if !info.Memory {
		return trellis.Errorf(trellis.Invalid, "no memory is exported as %q", memoryExport)
	}
	return nil
}

// hooks says that every name is a hook: it is an argument, not an export.
func (command) hooks(instrument.Info) []string { return []string{anyHook} }

func (command) bind(mod api.Module) guest {
	return &commandGuest{mod: mod, main: mod.ExportedFunction(mainExport)}
}

// argument reports whether a hook's name can be handed to a command.
func argument(hook string) bool {
	return hook != "" && len(hook) <= maxHook && !strings.ContainsRune(hook, 0)
}

// commandGuest is a program that is about to be run. Nothing of it has run when
// the image is taken, so that an instance which was put back is a new one.
type commandGuest struct {
	mod  api.Module
	main api.Function

	hook string
	in   []byte // what is left of standard input
	out  []byte // the answer, from first on
	from int
}

// start runs the module's start function, which comes before _start and cannot
// know what it will be called for.
func (g *commandGuest) start(f *frame) error {
	fn := g.mod.ExportedFunction(instrument.StartExport)
	if fn == nil {
		return nil
	}
	if err := fn.CallWithStack(f, nil); err != nil {
		return f.fault(err)
	}
	return nil
}

// warm does nothing: what a command has allocated is lost with its call.
func (g *commandGuest) warm(*frame, int) error { return nil }

func (g *commandGuest) call(f *frame, hook string, in, dst []byte) ([]byte, error) {
	g.hook, g.in, g.out, g.from = hook, in, dst, len(dst)
	err := g.main.CallWithStack(f, nil)
	out := g.out
	g.hook, g.in, g.out = "", nil, nil
	if err == nil {
		return out, nil
	}
	switch status, exited := f.exited(err); {
	case !exited:
		return dst, f.fault(err)
	case status == 0:
		return out, nil
	case status == statusAnswer:
		if err := errorAnswer(out[g.from:]); err != nil {
			return dst, err
		}
		return dst, f.exitFault(status)
	default:
		return dst, f.exitFault(status)
	}
}

// exited returns the status that a guest left with, if that is how it ended.
func (f *frame) exited(err error) (status uint32, ok bool) {
	var exit *sys.ExitError
	if f.stopped != nil || !errors.As(err, &exit) {
		return 0, false
	}
	return exit.ExitCode(), true
}

// exitFault says that a guest left with a status that stands for no answer.
func (f *frame) exitFault(status uint32) error {
	f.flush() // the last line may lack its end
	t := &Trap{Reason: fmt.Sprintf("exit status %d", int32(status)), kind: ErrTrap}
	f.obituary(t)
	return t
}

// errorAnswer returns the error that a guest's answer is, nil if it is none.
func errorAnswer(answer []byte) error {
	var p problem
	if len(answer) > maxErrorAnswer || json.Unmarshal(answer, &p) != nil || p.Message == "" {
		return nil
	}
	for _, k := range trellis.Kinds() {
		if p.Kind == k {
			return decodeProblem(answer)
		}
	}
	return nil
}
