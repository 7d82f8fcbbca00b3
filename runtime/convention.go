package runtime

import (
	"github.com/tetratelabs/wazero/api"
	"github.com/trellis-learning/trellis/runtime/instrument"
)

// convention is an agreement with guests about how bytes go in and out. What it
// says of a module rests on the module's imports and exports alone.
type convention interface {
	name() string
	claims(info instrument.Info) bool // whether a module means to follow it
	offers() []hostFunction           // what its modules may import
	check(info instrument.Info) error // what it lacks, of kind Invalid
	hooks(info instrument.Info) []string
	bind(mod api.Module) guest
}

// guest is one instance, seen through its convention. It is used by one
// goroutine at a time.
type guest interface {
	// start runs what must run once, before anything is called.
	start(f *frame) error
	// warm makes the guest's allocator ready for n bytes of input.
	warm(f *frame, n int) error
	// call runs a hook. Its answer is appended to dst.
	call(f *frame, hook string, in, dst []byte) ([]byte, error)
}

// conventions returns the known conventions, in the order of being asked.
func conventions() []convention { return []convention{extism{}, trellis1{}, command{}} }
