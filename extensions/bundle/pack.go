package bundle

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime/symbol"
)

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
	if err := b.addAssets(dir); err != nil {
		return nil, err
	}
	b, err := b.complete(nil)
	if err != nil {
		return nil, err
	}
	return b, b.Write(w)
}

// addAssets reads what is below assets/ of a project directory.
func (b *Archive) addAssets(dir string) error {
	assets := filepath.Join(dir, "assets")
	return filepath.WalkDir(assets, func(p string, d fs.DirEntry, err error) error {
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
