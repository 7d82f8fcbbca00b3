package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/store"
)

// A job counts, and saves how far it is: after a kill it would go on from there.
func Example() {
	if err := work(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// done: {"counted":3}
}

func work() (err error) {
	ctx, cancel := context.WithCancel(trellis.WithActor(context.Background(), trellis.Actor{Tenant: "acme", ID: "example", Kind: trellis.SystemActor}))
	defer cancel()
	dir, err := os.MkdirTemp("", "trellis-jobs-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "trellis.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	j, err := jobs.New(ctx, jobs.Config{DB: db, Node: "one"})
	if err != nil {
		return err
	}
	counting := jobs.Kind{Name: "counting", Run: func(ctx context.Context, r *jobs.Run) error {
		var n int
		if _, err := r.State(&n); err != nil { // where an earlier attempt came to
			return err
		}
		for n < 3 {
			n++
			if err := r.Checkpoint(ctx, n, jobs.Progress{Done: int64(n), Total: 3}); err != nil {
				return err
			}
		}
		return r.Report(map[string]int{"counted": n})
	}}
	ran := make(chan error, 1)
	go func() { ran <- j.Run(ctx, []jobs.Kind{counting}) }()
	job, err := j.Enqueue(ctx, "counting", nil, jobs.Options{Title: "Counting to three"})
	if err != nil {
		return err
	}
	if job, err = j.Wait(ctx, job.ID); err != nil {
		return err
	}
	fmt.Printf("%s: %s\n", job.State, job.Report)
	cancel()
	return <-ran
}
