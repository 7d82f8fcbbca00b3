package hostapi

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
)

// Contract is what extensions and the platform agree on.
type Contract struct {
	Manifest   Manifest
	Operations []Operation
	Hooks      []Hook
	Places     []Place
	Shapes     []Shape  // of the tree that a slot's export answers
	Limits     []string // of a tree, each as the end of "A tree has at most"
}

// Hook is a kind of export: what it receives and what it answers.
type Hook struct {
	Name string // "filter"
	Doc  string
	In   reflect.Type
	Out  reflect.Type // nil: Doc says what it answers
}

// Place is a place in a page.
type Place struct {
	Name  string
	Doc   string // where it is, and what stands there by itself
	Level string // what the page is about
}

// Shape is a kind of object in a tree.
type Shape struct {
	Name string
	Keys []Key
}

// Key is a key of a [Shape].
type Key struct {
	Name string
	Type string // in a few words
	Need bool
	Doc  string
}

// hooks documents what exports receive and answer.
func hooks(b *bytes.Buffer, all []Hook) error {
	b.WriteString("\n## Hooks\n\nWhat the exports that a manifest names receive, and what they answer. An input may have more fields in later versions; an answer may have no others than these. What an export was not granted to see is absent.\n")
	for _, h := range all {
		fmt.Fprintf(b, "\n### %s\n\n%s\n", h.Name, h.Doc)
		in, err := schemaOf(h.In)
		if err != nil {
			return fmt.Errorf("document %s: %w", h.Name, err)
		}
		table{b: b, optional: true}.write("input", in)
		if h.Out == nil {
			continue
		}
		out, err := schemaOf(h.Out)
		if err != nil {
			return fmt.Errorf("document %s: %w", h.Name, err)
		}
		table{b: b, optional: true}.write("answer", out)
	}
	return nil
}

// places documents where in pages something can be shown.
func places(b *bytes.Buffer, all []Place) {
	b.WriteString("\n## Places in pages\n\n| place | about | where |\n|---|---|---|\n")
	for _, p := range all {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", p.Name, p.Level, p.Doc)
	}
}

// shapes documents the tree that a slot's export answers.
func shapes(b *bytes.Buffer, all []Shape, limits []string) {
	b.WriteString("\n## The tree\n\nWhat is shown in a place: an object with the key `kind`, and the keys of that kind; a string stands for a text. There is no HTML in it. `extensions/slots/tree/schema.json` is its JSON Schema, for editors and tests. A key that is not named here, or that stands twice, is an error, and then nothing is shown. `?` marks what may be absent.\n")
	if len(limits) > 0 {
		fmt.Fprintf(b, "\nA tree has at most %s.\n", strings.Join(limits, ", "))
	}
	for _, s := range all {
		fmt.Fprintf(b, "\n| %s | type | |\n|---|---|---|\n", s.Name)
		for _, k := range s.Keys {
			mark := "?"
			if k.Need {
				mark = ""
			}
			fmt.Fprintf(b, "| `%s`%s | %s | %s |\n", k.Name, mark, k.Type, strings.ReplaceAll(k.Doc, "|", "\\|"))
		}
	}
}
