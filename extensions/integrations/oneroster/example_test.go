package oneroster_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
)

func Example() {
	var file bytes.Buffer
	w := oneroster.NewWriter(&file, oneroster.WriterConfig{SystemName: "Example"})
	for _, name := range []string{"Ada Lovelace", "Grace Hopper"} {
		given, family := oneroster.SplitName(name)
		if err := w.User(oneroster.User{
			Meta: oneroster.Meta{SourcedID: "u-" + family}, Enabled: true, Orgs: []string{"school"}, Role: "student",
			Username: given, GivenName: given, FamilyName: family,
		}); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	a, err := oneroster.Open(bytes.NewReader(file.Bytes()), int64(file.Len()), oneroster.Config{})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range a.Plan() {
		for row, err := range a.Rows(context.Background(), f.Name) {
			if err != nil {
				log.Fatal(err)
			}
			u, err := row.User()
			fmt.Println(row.File, row.Number, u.Name(), err)
		}
	}
	// Output:
	// users.csv 2 Ada Lovelace <nil>
	// users.csv 3 Grace Hopper <nil>
}
