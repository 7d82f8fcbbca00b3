package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/store/storetest"
)

// FuzzEmit: whatever an extension puts into an event is refused as its fault, or
// kept byte for byte; the log goes on without a gap.
func FuzzEmit(f *testing.F) {
	f.Add("id", "org.example.x.v1", "subject", "ada", []byte(`{"a":[1,2,{"b":null}]}`))
	f.Add("id", "org.example.x.v1", "it's \"", "", []byte(`"\u0000\ud800"`))
	f.Add("", "", "", "", []byte(nil))
	f.Add("id", "a.b", "\x00", "\xff", []byte("\"\xff\""))
	f.Add("id", "a.b", "s", "p", []byte(" 1 "))
	f.Add("id", "a.b", "s", "p", []byte(`{"a":1}{"b":2}`))
	f.Add("id", "A.b", "s", "p", bytes.Repeat([]byte("["), 20_000))
	db := open(f, store.Config{Readers: 1})
	ctx := store.Platform(storetest.As(context.Background(), "demo"))
	f.Fuzz(func(t *testing.T, id, typ, subject, person string, data []byte) {
		head := db.Log().Head()
		e := trellis.Event{ID: id, Type: typ, Tenant: "demo", Subject: subject, Person: person, Key: subject, Time: time.Now(), Data: data}
		_, known := db.Log().Event(ctx, id)
		err := db.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error { return tx.Emit(ctx, e) }))
		if err != nil {
			if kind := trellis.KindOf(err); kind != trellis.Invalid && kind != trellis.Exhausted {
				t.Fatalf("err = %v (%s)", err, kind)
			}
			return
		}
		if known == nil {
			if db.Log().Head() != head {
				t.Fatal("a repeat has a position of its own")
			}
			return
		}
		if db.Log().Head() != head+1 {
			t.Fatalf("the head moved from %d to %d", head, db.Log().Head())
		}
		got, err := db.Log().Event(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) == 0 {
			data = []byte("{}")
		}
		if !json.Valid(got.Data) || !bytes.Equal(got.Data, data) || got.Subject != subject || got.Person != person || got.Type != typ {
			t.Fatalf("got %+v, want %+v", got, e)
		}
	})
}
