package store_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// What happens is written together with the event that tells of it.
func Example() {
	dir, err := os.MkdirTemp("", "trellis")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx := trellis.WithActor(context.Background(), trellis.Actor{Tenant: "demo", ID: "7", Kind: trellis.PersonActor})

	db, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "trellis.db")})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = db.Close() }()

	note := func(text string) store.Change {
		return store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			tenant, err := store.Tenant(ctx)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS notes (tenant TEXT, text TEXT, PRIMARY KEY (tenant, text))`); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO notes (tenant, text) VALUES (?, ?)`, tenant, text); err != nil {
				return err
			}
			return tx.Emit(ctx, trellis.NewEvent(ctx, "org.example.note.added.v1", text, "", "", nil))
		})
	}
	fmt.Println(db.Write(ctx, note("one"), note("two"))) // both or none
	fmt.Println(trellis.KindOf(db.Write(ctx, note("three"), note("one"))))

	events, err := db.Log().Find(ctx, 0, 10, "", "", "")
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range events {
		fmt.Println(e.Position, e.Type, e.Subject)
	}
	// Output:
	// <nil>
	// conflict
	// 1 org.example.note.added.v1 one
	// 2 org.example.note.added.v1 two
}
