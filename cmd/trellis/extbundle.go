package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/runtime"
)

type extPackCmd struct {
	Dir string `arg:"" optional:"" default:"." help:"Directory of the project."`
	Out string `short:"o" help:"File to write; NAME-VERSION.trellis in the project if absent."`
}

func (c *extPackCmd) Run(e *env) error {
	if _, err := os.Stat(c.Dir); err != nil {
		return err
	}
	var zip bytes.Buffer
	b, err := bundle.Pack(c.Dir, &zip)
	if err != nil {
		return err
	}
	if b.Stripped > 0 {
		e.note("main.wasm was packed without %d bytes of debug information: with them it is larger than modules may be. Crashes will name functions, but no lines.", b.Stripped)
	}
	if err := check(e, b); err != nil {
		return err
	}
	out := c.Out
	if out == "" {
		out = filepath.Join(c.Dir, b.FileName())
	}
	if err := replace(out, 0o644, func(w io.Writer) error { _, err := w.Write(zip.Bytes()); return err }); err != nil {
		return err
	}
	e.show(map[string]any{"file": out, "digest": b.Digest, "bytes": zip.Len()}, func(w io.Writer) {
		fmt.Fprintf(w, "%s (%d bytes)\n\nNext: trellis ext install %s\n", out, zip.Len(), out)
	})
	return nil
}

type extInspectCmd struct {
	Path string `arg:"" default:"." help:"Bundle, or directory of a project."`
}

func (c *extInspectCmd) Run(e *env) error {
	b, err := load(c.Path)
	if err != nil {
		return err
	}
	info, err := examine(e, b)
	if err != nil {
		return err
	}
	fault := b.Manifest.CheckAgainst(info.Hooks, app.Known())
	signed := "unsigned"
	if b.Signature != nil {
		key, err := b.Verify()
		if err != nil {
			return err
		}
		signed = "signed with " + bundle.Fingerprint(key)
	}
	asks := b.Manifest.Sentences(app.Known())
	e.show(map[string]any{"manifest": b.Manifest, "digest": b.Digest, "signature": signed, "asks": asks, "module": info}, func(w io.Writer) {
		fmt.Fprintf(w, "%s  %s %s, %s\ndigest %s\n", b.Manifest.Title, b.Manifest.ID, b.Manifest.Version, signed, b.Digest)
		fmt.Fprintf(w, "module: %s, %d bytes, %s\n", info.Convention, len(b.Module), hooksOf(info))
		if info.Fresh != "" {
			fmt.Fprintf(w, "slow: each call needs a new instance, because %s\n", info.Fresh)
		}
		fmt.Fprintln(w, "It asks for:")
		sentences(w, asks)
		if fault == nil {
			fmt.Fprintf(w, "\nNext: trellis ext run %s, trellis ext install FILE\n", c.Path)
		}
	})
	return fault
}

// hooksOf says by which names a module can be called.
func hooksOf(info runtime.Info) string {
	if slices.Contains(info.Hooks, "*") {
		return "a program that takes every hook as its argument"
	}
	return "exports " + strings.Join(info.Hooks, ", ")
}

// load reads a bundle file, or packs a project.
func load(path string) (*bundle.Archive, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return bundle.Pack(path, io.Discard)
	}
	return open(path)
}

// open reads a bundle file.
func open(path string) (*bundle.Archive, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return bundle.Read(bytes.NewReader(raw), int64(len(raw)))
}
