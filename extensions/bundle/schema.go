package bundle

import (
	"encoding/json"
	"reflect"

	"github.com/trellis-learning/trellis/hostapi"
)

// SchemaID is the address under which a manifest may name its schema.
const SchemaID = "https://trellis.invalid/schemas/extension-1.json"

// Schema returns the JSON Schema of extension.json, as it is published in
// schemas/extension-1.json.
func Schema() ([]byte, error) {
	raw, err := hostapi.SchemaOf(reflect.TypeFor[Manifest]())
	if err != nil {
		return nil, err
	}
	var s map[string]any
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	s["$schema"], s["$id"], s["title"] = "https://json-schema.org/draft/2020-12/schema", SchemaID, "Manifest of a Trellis extension"
	out, err := json.MarshalIndent(s, "", "  ")
	return append(out, '\n'), err
}
