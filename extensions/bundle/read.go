package bundle

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
)

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
