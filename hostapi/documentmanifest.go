package hostapi

import (
	"bytes"
	"fmt"
	"reflect"
)

// Manifest is what the contract says of extension.json.
type Manifest struct {
	Type     reflect.Type // whose fields are its keys
	Schema   string       // file of its JSON Schema, from the top of the tree
	Path     string       // at which a server has it; "" for nowhere
	Examples []Example
}

// Example is a whole manifest.
type Example struct {
	Title string // what it is about
	Doc   string // what becomes of it, in a sentence or two
	JSON  string
}

// manifest documents extension.json. An empty Manifest has no section.
func manifest(b *bytes.Buffer, m Manifest) error {
	if m.Type == nil {
		return nil
	}
	s, err := schemaOf(m.Type)
	if err != nil {
		return fmt.Errorf("document the manifest: %w", err)
	}
	fmt.Fprintf(b, "\n## The manifest\n\n`extension.json`, at the top of the bundle: what an extension is, what it asks for and where it takes part. At least one hook must be there: filters, events, schedules, jobs or slots. It is JSON of at most 256 KiB in UTF-8; a key that is not named here, or that stands twice, is an error, which names the place and the keys that may stand there. Its JSON Schema, for editors and tests, is `%s`", m.Schema)
	if m.Path != "" {
		fmt.Fprintf(b, "; a server has it at `%s`", m.Path)
	}
	b.WriteString(". `?` marks what may be absent.\n")
	table{b: b, optional: true}.write("key", s)
	b.WriteString(`
### Settings

` + "`settings`" + ` is a part of JSON Schema, of which a form is made for whoever enables the extension; what fits is handed to its hooks, with the defaults of what is not set. The whole is of the type ` + "`object`" + `, at most 8 deep; settings have at most 64 KiB. What is secret belongs into ` + "`secrets`" + `.

| key | of | |
|---|---|---|
| ` + "`type`" + ` | each | ` + "`string`, `integer`, `number`, `boolean`, `array` or `object`" + ` |
| ` + "`title`, `description`, `default`" + `? | each | what people read, and what is in force where nobody says otherwise |
| ` + "`enum`" + `? or ` + "`oneOf`" + `? | a value | the values that it may have; in ` + "`oneOf`" + ` each as ` + "`{\"const\", \"title\"}`" + ` |
| ` + "`minimum`, `maximum`" + `? | a number | its bounds |
| ` + "`minLength`, `maxLength`, `pattern`, `format`" + `? | a string | its bounds, a regular expression (RE2), and ` + "`date`, `email` or `uri`" + ` |
| ` + "`items`, `minItems`?, `maxItems`?" + ` | an array | what its elements are, and how many |
| ` + "`properties`, `required`, `additionalProperties`" + `? | an object | its keys, those that must be set, and what other keys hold; without it there are none |

### Examples of manifests

Each is whole, and passes.
`)
	for _, e := range m.Examples {
		fmt.Fprintf(b, "\n**%s** %s\n\n```json\n%s\n```\n", e.Title, e.Doc, e.JSON)
	}
	return nil
}
