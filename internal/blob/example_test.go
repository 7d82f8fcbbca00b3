package blob_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/trellis-learning/trellis/internal/blob"
)

func Example() {
	dir, err := os.MkdirTemp("", "blobs-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := blob.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	digest, size, err := store.Put(ctx, strings.NewReader("hello"), 1<<20)
	if err != nil {
		log.Fatal(err)
	}
	raw, err := store.ReadAll(ctx, digest, 1<<20)
	fmt.Println(digest[:8], size, string(raw), err)
	// Output: 2cf24dba 5 hello <nil>
}
