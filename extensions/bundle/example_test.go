package bundle_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/trellis-learning/trellis/extensions/bundle"
)

// A bundle is made of files, signed by its publisher, handed around, and read and
// checked where it arrives.
func Example() {
	made, err := bundle.Make(map[string][]byte{
		"extension.json": []byte(`{"id": "acme.late-policy", "version": "1.2.0", "abi": 1, "title": "Late submission policy",
			"permissions": ["enrollments:read", "pii:email"],
			"filters": [{"on": "org.openedx.learning.course.enrollment.started.v1", "call": "check"}]}`),
		"main.wasm": []byte("\x00asm\x01\x00\x00\x00"),
	})
	if err != nil {
		log.Fatal(err)
	}
	pem, public, err := bundle.GenerateKey()
	if err != nil {
		log.Fatal(err)
	}
	key, err := bundle.ParseKey(pem)
	if err != nil {
		log.Fatal(err)
	}
	made.Sign(key)
	var zip bytes.Buffer
	if err := made.Write(&zip); err != nil {
		log.Fatal(err)
	}

	b, err := bundle.Read(bytes.NewReader(zip.Bytes()), int64(zip.Len()))
	if err != nil {
		log.Fatal(err)
	}
	signer, err := b.Verify()
	fmt.Println(b.FileName(), signer.Equal(public), err)
	for _, s := range b.Manifest.Sentences(bundle.Known{}) {
		fmt.Println("-", s.Text)
	}
	// Output:
	// acme.late-policy-1.2.0.trellis true <nil>
	// - May refuse or change what happens: org.openedx.learning.course.enrollment.started.v1; when it fails, nobody is let through
	// - See who is enrolled in which course
	// - See people's email addresses
}

// A manifest with faults is refused with all of them at once, each where it is.
func ExampleReadManifest() {
	_, err := bundle.ReadManifest([]byte(`{"id": "acme.x", "version": "1", "abi": 1, "title": "X",
		"filters": [{"on": "a.b.v1", "call": "check", "on_error": "ignore"}]}`))
	fmt.Println(err)
	_, err = bundle.ReadManifest([]byte(`{"id": "acme.x", "filters": [{"om": "a.b.v1"}]}`))
	fmt.Println(err)
	// Output:
	// extension.json: version: must be a semantic version, such as 1.2.0; filters[0].on_error: must be refuse or skip
	// extension.json: filters[0].om: unknown key; here may stand on, call, order, on_error
}
