package delivery_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/store"
)

// A reader that must not miss anything keeps its place in the log under a name.
func Example() {
	dir, err := os.MkdirTemp("", "delivery-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, stop := context.WithCancel(trellis.WithActor(context.Background(), trellis.Actor{Tenant: "demo", ID: "7", Kind: trellis.PersonActor}))
	db, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "trellis.db")})
	if err != nil {
		panic(err)
	}
	defer func() { _ = db.Close() }()
	ledger, err := delivery.New(ctx, delivery.Config{DB: db})
	if err != nil {
		panic(err)
	}
	go func() {
		for range 3 {
			_ = db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
				return tx.Emit(ctx, trellis.NewEvent(ctx, "org.example.lamp.lit.v1", "lamp", "", "", nil))
			}))
		}
	}()
	n := 0
	err = ledger.Run(ctx, delivery.Role{
		Name:  "lamps",
		Start: func(context.Context) (uint64, error) { return 0, nil },
		Subscribers: func(context.Context, trellis.Event) []delivery.Subscriber {
			return []delivery.Subscriber{{ID: "counter", Tenant: "demo", Deliver: func(_ context.Context, d delivery.Delivery) error {
				n++
				fmt.Println(d.Event.Position, d.Event.Type)
				if n == 3 {
					stop()
				}
				return nil
			}}}
		},
		Lookup: func(context.Context, string, string) (delivery.Subscriber, bool) { return delivery.Subscriber{}, false },
	})
	fmt.Println(n, err)
	// Output:
	// 1 org.example.lamp.lit.v1
	// 2 org.example.lamp.lit.v1
	// 3 org.example.lamp.lit.v1
	// 3 <nil>
}
