package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// greeter is what guests may ask of this host.
type greeter struct{}

func (greeter) Call(_ context.Context, operation string, in []byte) ([]byte, error) {
	if operation != "greet" {
		return nil, trellis.Errorf(trellis.NotFound, "operation %q", operation)
	}
	return fmt.Appendf(nil, "hello, %s", in), nil
}

func Example() {
	ctx := context.Background()
	r, err := runtime.New(ctx, runtime.Config{Host: greeter{}})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close(ctx)

	binary, err := os.ReadFile("testdata/host.wasm")
	if err != nil {
		log.Fatal(err)
	}
	m, err := r.Compile(ctx, binary, runtime.Limits{Memory: 1 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close(ctx)

	out, stats, err := m.Call(ctx, runtime.Call{Hook: "call", In: []byte("\x05greetada")})
	fmt.Printf("%s (%d host call, %v)\n", out, stats.HostCalls, err)
	// Output:
	// 0hello, ada (1 host call, <nil>)
}

// A guest that uses too much is ended, and the module goes on.
func ExampleModule_Call() {
	ctx := context.Background()
	r, err := runtime.New(ctx, runtime.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close(ctx)
	binary, err := os.ReadFile("testdata/spin.wasm")
	if err != nil {
		log.Fatal(err)
	}
	m, err := r.Compile(ctx, binary, runtime.Limits{})
	if err != nil {
		log.Fatal(err)
	}
	_, _, err = m.Call(ctx, runtime.Call{Hook: "spin", Budget: runtime.Budget{Fuel: 10_000}})
	fmt.Println(errors.Is(err, runtime.ErrFuel), err)
	_, _, err = m.Call(ctx, runtime.Call{Hook: "work", In: []byte("x")})
	fmt.Println(err)
	// Output:
	// true hook spin: out of fuel: used the 10000 units it may at spin
	// <nil>
}
