package integrations_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/internal/blob"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/secret"
	"github.com/trellis-learning/trellis/internal/store"
)

// Somebody hands over a roster; a job imports it, and says what became of each row.
func Example() {
	must := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "trellis-")
	must(err)
	defer func() { must(os.RemoveAll(dir)) }()
	ctx, stop := context.WithCancel(context.Background())
	db, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "trellis.db")})
	must(err)
	defer func() { must(db.Close()) }()
	core, err := learning.New(ctx, learning.Config{DB: db})
	must(err)
	work, err := jobs.New(ctx, jobs.Config{DB: db})
	must(err)
	blobs, err := blob.Open(filepath.Join(dir, "blobs"))
	must(err)
	key, err := secret.Open(filepath.Join(dir, "key"))
	must(err)
	x, err := integrations.New(ctx, integrations.Config{Learning: core, Jobs: work, DB: db, Blobs: blobs, Key: key, TempDir: filepath.Join(dir, "tmp")})
	must(err)
	running := make(chan error, 1)
	go func() { running <- work.Run(ctx, x.Kinds()) }()
	defer func() { stop(); must(<-running) }()

	var roster bytes.Buffer
	w := oneroster.NewWriter(&roster, oneroster.WriterConfig{})
	must(w.User(oneroster.User{
		Meta: oneroster.Meta{SourcedID: "u1"}, Enabled: true, Orgs: []string{"school"}, Role: "student", Username: "ada", GivenName: "Ada", FamilyName: "Lovelace",
	}))
	must(w.Close())

	acme := trellis.WithActor(ctx, trellis.Actor{Tenant: "acme", ID: "example", Kind: trellis.SystemActor})
	job, err := x.Upload(acme, "oneroster", &roster, nil)
	must(err)
	job, err = work.Wait(acme, job.ID)
	must(err)
	var report oneroster.Report
	must(json.Unmarshal(job.Report, &report))
	fmt.Println(job.State, report.Files["users.csv"].Created, "created")
	// Output: done 1 created
}
