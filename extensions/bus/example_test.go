package bus_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bus"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/store"
)

// Somebody follows what happens in a tenant, from the beginning of the log on.
func Example() {
	if err := follow(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// course-v1:A+B+1 was opened
}

func follow() (err error) {
	ctx, cancel := context.WithCancel(trellis.WithActor(context.Background(), trellis.Actor{Tenant: "acme", ID: "example", Kind: trellis.SystemActor}))
	defer cancel()
	dir, err := os.MkdirTemp("", "trellis-bus-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "trellis.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ledger, err := delivery.New(ctx, delivery.Config{DB: db, Node: "one"})
	if err != nil {
		return err
	}
	b, err := bus.New(bus.Config{DB: db, Ledger: ledger, Dir: filepath.Join(dir, "nats")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	ran := make(chan error, 1)
	go func() { ran <- b.Run(ctx) }()

	// An event is part of the transaction of what it tells of.
	if err := db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		return tx.Emit(ctx, trellis.NewEvent(ctx, "org.example.course.opened.v1", "courses/1", "", "course-v1:A+B+1", nil))
	})); err != nil {
		return err
	}
	err = b.Follow(ctx, 0, "org.example.*", func(_ context.Context, e trellis.Event) error {
		fmt.Println(e.Course, "was opened")
		return errEnough
	})
	cancel()
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, <-ran)
}

// errEnough ends the following.
var errEnough = errors.New("enough")
