//go:build wasip1

// The job as a plugin of knqyf263/go-plugin:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o job-rpc-go.wasm ./job/rpc-go
package main

import (
	"context"

	"github.com/trellis-learning/trellis/runtime/peerbench/job"
	"github.com/trellis-learning/trellis/runtime/peerbench/rpc"
)

type service struct{}

// Patch implements [rpc.Job].
func (service) Patch(_ context.Context, in *rpc.Text) (*rpc.Text, error) {
	out, err := job.Decode(in.Json)
	return &rpc.Text{Json: out}, err
}

// init is how this plugin system wants plugins to say what they are.
func init() { rpc.RegisterJob(service{}) }

func main() {}
