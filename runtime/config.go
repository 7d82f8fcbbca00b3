package runtime

import (
	"context"
	"log/slog"
)

// Config says how a [Runtime] works. The zero value is ready to use: it compiles
// in this process, keeps nothing on disk, and answers Unavailable to every host
// operation.
type Config struct {
	// Cache is the directory of compiled modules. It holds machine code that is
	// run without further checks, so it is made with mode 0700, and New refuses
	// one that belongs to somebody else or that others may write to. Empty: in
	// memory only.
	Cache string
	// CacheSize is how many bytes the files in Cache may take together, about,
	// before those are removed that were loaded longest ago. What was removed is
	// compiled again when it is needed. Default: 4 GiB.
	CacheSize int64
	// Compiler is the command, with arguments, of a child process that compiles:
	// a program that calls [CompileChild] with what follows these arguments.
	// Compiling is where a hostile module costs the most memory and time, and a
	// child can be limited. Empty: in this process, which is logged.
	Compiler []string
	// Host answers the guests' operations. Nil answers Unavailable.
	Host Host
	// Workers is how many guests may run code of theirs at the same moment, over
	// all modules; those that wait for a host operation do not count. Guest code
	// cannot be preempted, so this is what keeps a flood of guests from the
	// rest of the process; they are shared out fairly, see [Call.Class], and
	// while calls wait a class has all but one at the most, unless no other class
	// has come for a second.
	// Default: GOMAXPROCS.
	Workers int
	// Memory is how many bytes the instances of all modules may take together,
	// about, with what was read to explain traps. That goes first, then idle
	// instances: those first that were used longest ago
	// in whatever module, pinned ones, which lose their state, last. It is no limit
	// for calls under way, which [Limits] and Workers bound. Default: 1 GiB.
	Memory int
	// FuelPerSecond is how many units of fuel a second of guest code is worth: with
	// the same number on machines of different speed a guest ends after the same
	// work on each of them. Default: as many as this machine gets done, which [New]
	// measures.
	FuelPerSecond uint64
	// Accept bounds what modules may look like. Default: see there.
	Accept Accept
	// Logger is told what an operator should know. Default: nothing is logged.
	Logger *slog.Logger
}

// Host runs the operations that guests ask for.
type Host interface {
	// Call runs an operation. It may be called by many goroutines at once; in
	// belongs to it. The kind of an error and, unless that is Unavailable or
	// Internal, its message reach the guest. ctx ends when the guest's time is
	// over, and carries what makes a nested [Module.Call] count as nested. A
	// panic ends the guest's call with an error of kind Internal.
	Call(ctx context.Context, operation string, in []byte) (out []byte, err error)
}
