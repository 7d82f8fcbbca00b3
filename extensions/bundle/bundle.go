// Package bundle reads, checks, signs and writes bundles, and says in plain words
// what is in one.
//
// A bundle is an extension as it is handed around: a zip with a manifest, a
// WebAssembly module, its assets and the signature of its publisher. Here it is
// looked at by itself: no store, no tenant and no trusted key has a part in it.
package bundle

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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

// Read reads a bundle. Whatever is wrong with it is a [trellis.Invalid]
// that names the cause.
func Read(r io.ReaderAt, size int64) (*Archive, error) {
	if size > MaxSize {
		return nil, trellis.Errorf(trellis.Invalid, "the bundle has %d bytes, of at most %d", size, MaxSize)
	}
	if err := countEntries(r, size); err != nil {
		return nil, err
	}
	zr, err := zip.NewReader(r, size)
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "the bundle is not a zip file: %s", err)
	}
	if len(zr.File) > maxEntries {
		return nil, trellis.Errorf(trellis.Invalid, "the bundle has %d entries, of at most %d", len(zr.File), maxEntries)
	}
	b := &Archive{Files: map[string][]byte{}}
	var signature []byte
	total := 0
	folded := map[string]bool{}
	for _, f := range zr.File {
		if strings.HasSuffix(f.Name, "/") && f.UncompressedSize64 == 0 && f.Mode().IsDir() {
			if err := checkPath(f.Name + "x"); err != nil { // a directory is where a file could be
				return nil, err
			}
			continue
		}
		if err := checkEntry(f); err != nil {
			return nil, err
		}
		if key := strings.ToLower(f.Name); folded[key] {
			return nil, trellis.Errorf(trellis.Invalid, "the bundle has %q twice", f.Name)
		} else {
			folded[key] = true
		}
		data, err := unpack(f, MaxUnpacked-total)
		if err != nil {
			return nil, err
		}
		total += len(data)
		if f.Name == signatureFile {
			signature = data
			continue
		}
		b.Files[f.Name] = data
	}
	return b.complete(signature)
}

// countEntries refuses a directory of very many entries before it is read: each
// costs the reader several times what it has in the file. What the file says of
// their number is not trusted; every mark of an entry counts, also one within an
// asset, of which there are few by chance.
func countEntries(r io.ReaderAt, size int64) error {
	mark := []byte("PK\x01\x02")
	buf := make([]byte, 64<<10+len(mark)-1)
	found := 0
	for at := int64(0); at < size; at += 64 << 10 {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read bundle: %w", err)
		}
		if found += bytes.Count(buf[:n], mark); found > 4*maxEntries {
			return trellis.Errorf(trellis.Invalid, "the bundle has more than %d entries", maxEntries)
		}
	}
	return nil
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

func checkEntry(f *zip.File) error {
	if err := checkPath(f.Name); err != nil {
		return err
	}
	if !f.Mode().IsRegular() {
		return trellis.Errorf(trellis.Invalid, "%q in the bundle is not a plain file: links and devices are refused", f.Name)
	}
	if f.Flags&1 != 0 {
		return trellis.Errorf(trellis.Invalid, "%q in the bundle is encrypted", f.Name)
	}
	if f.UncompressedSize64 > 1<<20 && f.UncompressedSize64/max(f.CompressedSize64, 1) > maxRatio {
		return trellis.Errorf(trellis.Invalid, "%q in the bundle unpacks to more than %d times its size", f.Name, maxRatio)
	}
	return nil
}

// checkPath refuses a name that could lead out of the bundle, or that does not
// belong into one.
func checkPath(name string) error {
	switch {
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return trellis.Errorf(trellis.Invalid, "a name in the bundle is not printable: %q", name)
	case !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, `\:`) || len(name) > 200:
		return trellis.Errorf(trellis.Invalid, "the path %q in the bundle is not allowed: it must be relative, without .., backslashes and colons", name)
	}
	switch name {
	case ManifestFile, ModuleFile, sourceMapFile, signatureFile, "README.md", "LICENSE":
		return nil
	}
	if strings.HasPrefix(name, assetDirectory) {
		return nil
	}
	return trellis.Errorf(trellis.Invalid, "%q does not belong into a bundle: it has %s, %s, %s, %s, README.md, LICENSE and %s…",
		name, ManifestFile, ModuleFile, sourceMapFile, signatureFile, assetDirectory)
}

// unpack reads an entry, trusting what comes and not what the zip says of it.
func unpack(f *zip.File, room int) ([]byte, error) {
	rc, err := f.Open()
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "%q in the bundle cannot be unpacked: %s", f.Name, err)
	}
	defer func() { _ = rc.Close() }()
	data, err := io.ReadAll(io.LimitReader(rc, int64(room)+1))
	switch {
	case len(data) > room:
		return nil, trellis.Errorf(trellis.Invalid, "the bundle unpacks to more than %d bytes", MaxUnpacked)
	case err != nil:
		return nil, trellis.Errorf(trellis.Invalid, "%q in the bundle cannot be unpacked: %s", f.Name, err)
	}
	return data, nil
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

// Make returns the bundle of files by their paths, unsigned.
func Make(files map[string][]byte) (*Archive, error) {
	for name := range files {
		if err := checkPath(name); err != nil {
			return nil, err
		}
	}
	return (&Archive{Files: files}).complete(nil)
}

// Pack writes the bundle of a project directory. The same files always give the
// same bytes.
func Pack(dir string, w io.Writer) (*Archive, error) {
	b := &Archive{Files: map[string][]byte{}}
	for _, name := range []string{ManifestFile, ModuleFile, sourceMapFile, "README.md", "LICENSE"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			if name == ModuleFile {
				return nil, trellis.Errorf(trellis.Invalid, "%s has no %s: build it first", dir, ModuleFile)
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if name == ModuleFile && len(data) > largeModule {
			data, b.Stripped = symbol.WithoutDWARF(data)
		}
		if name == sourceMapFile {
			data = symbol.ShortSourceMap(data) // the text of the sources stays at home
		}
		b.Files[name] = data
	}
	assets := filepath.Join(dir, "assets")
	err := filepath.WalkDir(assets, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && p == assets {
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if !d.Type().IsRegular() {
			return trellis.Errorf(trellis.Invalid, "%s is not a plain file", name)
		}
		if err := checkPath(name); err != nil {
			return err
		}
		b.Files[name], err = os.ReadFile(p)
		return err
	})
	if err != nil {
		return nil, err
	}
	if b, err = b.complete(nil); err != nil {
		return nil, err
	}
	return b, b.Write(w)
}

// Write writes the bundle as a zip.
func (b *Archive) Write(w io.Writer) error {
	zw := zip.NewWriter(w)
	zw.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	files := b.Files
	if b.Signature != nil {
		raw, err := b.Signature.encode()
		if err != nil {
			return err
		}
		files = map[string][]byte{signatureFile: raw}
		for name, data := range b.Files {
			files[name] = data
		}
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
		h.SetMode(0o644)
		f, err := zw.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := f.Write(files[name]); err != nil {
			return err
		}
	}
	return zw.Close()
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
