package main

import (
	"os"
	"path/filepath"

	"github.com/trellis-learning/trellis/extensions/api"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
)

type abiCmd struct {
	Write string `help:"Directory to write ABI.md and schema.json into." type:"existingdir"`
}

// Help says where else the contract is to be had.
func (abiCmd) Help() string {
	return "ABI.md is the contract with extensions, for any language: calling conventions, limits, every key of a manifest with examples, hooks, places, trees and operations. With -json it is the schemas of the operations. A server has the JSON Schema of extension.json at " + api.ManifestSchema + "."
}

func (c *abiCmd) Run(e *env) error {
	doc, schemas, err := app.Contract(e.ctx)
	if err != nil {
		return err
	}
	if c.Write == "" {
		if e.json {
			_, err = e.out.Write(schemas)
		} else {
			_, err = e.out.Write(doc)
		}
		return err
	}
	// What is there already must not break: overwritten, nothing would know of it.
	if old, err := os.ReadFile(filepath.Join(c.Write, "schema.json")); err == nil {
		if err := hostapi.Compatible(old, schemas); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(c.Write, "ABI.md"), doc, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.Write, "schema.json"), schemas, 0o644); err != nil {
		return err
	}
	e.done(map[string]string{"dir": c.Write}, "ABI.md and schema.json are in %s.", c.Write)
	return nil
}
