// Package bundle reads, checks, signs and writes bundles, and says in plain words
// what is in one.
//
// A bundle is an extension as it is handed around: a zip with a manifest, a
// WebAssembly module, its assets and the signature of its publisher. Here it is
// looked at by itself: no store, no tenant and no trusted key has a part in it.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

// Bounds of a bundle, before anything in it is looked at.
const (
	MaxSize      = 32 << 20 // bytes of the zip
	MaxUnpacked  = 64 << 20 // bytes of its files together
	maxEntries   = 2_000
	maxRatio     = 100 // of an entry, once it has more than a mebibyte
	maxSourceMap = 4 << 20
	largeModule  = 16 << 20 // is packed without debug information: the engine takes no larger ones
)

// What the files of a bundle are called.
const (
	ManifestFile   = "extension.json"
	ModuleFile     = "main.wasm"
	sourceMapFile  = "main.wasm.map" // leads from the module to its source
	signatureFile  = "signature.json"
	assetDirectory = "assets/"
)

// Archive is an extension as it is handed around: NAME-VERSION.trellis, a zip.
type Archive struct {
	Manifest  Manifest
	Module    []byte            // with the source map, if there is one
	Files     map[string][]byte // every file but the signature, by path
	Digest    string            // of the files: hexadecimal SHA-256
	Signature *Signature        // nil: unsigned. It is not verified yet
	Stripped  int               // bytes of debug information that Pack left out, because the module was too large with them
}

// Make returns the bundle of files by their paths, unsigned.
func Make(files map[string][]byte) (*Archive, error) {
	for name := range files {
		if err := checkPath(name); err != nil {
			return nil, err
		}
	}
	return (&Archive{Files: files}).complete(nil)
}

// Assets returns the files below assets/, by their paths there.
func (b *Archive) Assets() map[string][]byte {
	files := map[string][]byte{}
	for path, data := range b.Files {
		if name, ok := strings.CutPrefix(path, assetDirectory); ok {
			files[name] = data
		}
	}
	return files
}

// FileName returns what the bundle is called as a file: NAME-VERSION.trellis.
func (b *Archive) FileName() string {
	return fmt.Sprintf("%s-%s.trellis", b.Manifest.ID, b.Manifest.Version)
}

// complete reads what the files say.
func (b *Archive) complete(signature []byte) (*Archive, error) {
	raw, ok := b.Files[ManifestFile]
	if !ok {
		return nil, trellis.Errorf(trellis.Invalid, "the bundle has no %s at its top", ManifestFile)
	}
	var err error
	if b.Manifest, err = ReadManifest(raw); err != nil {
		return nil, err
	}
	if b.Module, ok = b.Files[ModuleFile]; !ok {
		return nil, trellis.Errorf(trellis.Invalid, "the bundle has no %s", ModuleFile)
	}
	if !bytes.HasPrefix(b.Module, []byte("\x00asm")) {
		return nil, trellis.Errorf(trellis.Invalid, "%s is not a WebAssembly module", ModuleFile)
	}
	if text, ok := b.Files[sourceMapFile]; ok {
		if len(text) > maxSourceMap {
			return nil, trellis.Errorf(trellis.Invalid, "%s has %d bytes, of at most %d", sourceMapFile, len(text), maxSourceMap)
		}
		b.Module = symbol.WithSourceMap(b.Module, text)
	}
	b.Digest = digest(b.Files)
	if signature != nil {
		if b.Signature, err = readSignature(signature); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// digest returns the SHA-256 over the sorted lines "sha256  path" of the files.
func digest(files map[string][]byte) string {
	lines := make([]string, 0, len(files))
	for name, data := range files {
		sum := sha256.Sum256(data)
		lines = append(lines, hex.EncodeToString(sum[:])+"  "+name+"\n")
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:])
}
