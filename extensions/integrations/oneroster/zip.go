package oneroster

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
)

// Archive is an opened zip. It may be read by several goroutines at once if the
// io.ReaderAt beneath may.
type Archive struct {
	// Manifest is the archive's own description, or the one that was guessed.
	Manifest Manifest
	// Warnings are those about the archive as a whole.
	Warnings []Warning

	cfg     Config
	entries map[string]*zip.File // by name without ".csv", for files of CSV at the top
}

// Open checks the archive of size bytes in r and reads its manifest. Every error
// about the contents is of kind [trellis.Invalid]; with cfg.Strict, whatever would
// be a warning about the archive as a whole is such an error too.
func Open(r io.ReaderAt, size int64, cfg Config) (*Archive, error) {
	rationed := &rationed{r: r, left: maxDirectory}
	zr, err := zip.NewReader(rationed, size)
	if err != nil {
		return nil, trellis.Errorf(trellis.Invalid, "read the zip: %w", err)
	}
	rationed.free = true
	a := &Archive{cfg: cfg.withDefaults(), entries: map[string]*zip.File{}}
	if err := a.admit(zr.File); err != nil {
		return nil, err
	}
	a.index(zr.File)
	if err := a.readManifest(); err != nil {
		return nil, err
	}
	if a.cfg.Strict && len(a.Warnings) > 0 {
		w := a.Warnings[0]
		return nil, trellis.Errorf(trellis.Invalid, "%s: %s", w.File, w.Message)
	}
	return a, nil
}

// maxDirectory is how much may be read to learn what a zip has. The directory of a
// thousand entries has a tenth of it, and package archive/zip would read one of a
// gigabyte into memory.
const maxDirectory = 2 << 20

// rationed reads from r, at most left bytes until it is free.
type rationed struct {
	r    io.ReaderAt
	left int
	free bool
}

func (l *rationed) ReadAt(p []byte, off int64) (int, error) {
	if !l.free {
		if l.left -= len(p); l.left < 0 {
			return 0, fmt.Errorf("its directory has more than %d bytes", maxDirectory)
		}
	}
	return l.r.ReadAt(p, off)
}

// admit refuses what no honest archive has, before a byte is unpacked.
func (a *Archive) admit(files []*zip.File) error {
	if len(files) > a.cfg.MaxEntries {
		return trellis.Errorf(trellis.Invalid, "the zip has %d entries: at most %d are allowed", len(files), a.cfg.MaxEntries)
	}
	var total uint64
	seen := map[string]bool{}
	for _, f := range files {
		if err := admitEntry(f, uint64(a.cfg.MaxRatio)); err != nil {
			return err
		}
		if total += f.UncompressedSize64; f.UncompressedSize64 > uint64(a.cfg.MaxSize) || total > uint64(a.cfg.MaxSize) {
			return trellis.Errorf(trellis.Invalid, "the zip unpacks to more than %d bytes", a.cfg.MaxSize)
		}
		folded := strings.ToLower(f.Name)
		if seen[folded] {
			return trellis.Errorf(trellis.Invalid, "the zip has two entries called %.80q", f.Name)
		}
		seen[folded] = true
	}
	return nil
}

func admitEntry(f *zip.File, maxRatio uint64) error {
	name := strings.TrimSuffix(f.Name, "/")
	switch {
	case !utf8.ValidString(name) || strings.ContainsRune(name, '\\') || strings.ContainsRune(name, 0) || !fs.ValidPath(name) || strings.Contains(name, ":"):
		return trellis.Errorf(trellis.Invalid, "the zip has an entry with the bad path %.80q", f.Name)
	case f.Mode()&fs.ModeType != 0 && !f.Mode().IsDir():
		return trellis.Errorf(trellis.Invalid, "the entry %.80q is a link or a device", f.Name)
	case f.Flags&1 != 0:
		return trellis.Errorf(trellis.Invalid, "the entry %.80q is encrypted", f.Name)
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return trellis.Errorf(trellis.Invalid, "the entry %.80q is packed by method %d: only store and deflate are read", f.Name, f.Method)
	case f.UncompressedSize64 > 1<<20 && f.UncompressedSize64/max(f.CompressedSize64, 1) > maxRatio:
		return trellis.Errorf(trellis.Invalid, "the entry %.80q unpacks to more than %d times its size", f.Name, maxRatio)
	}
	return nil
}

// index finds the files of CSV. They belong at the top; a single directory around
// everything, as many systems make one, is taken off.
func (a *Archive) index(files []*zip.File) {
	var real []*zip.File
	for _, f := range files {
		if !f.FileInfo().IsDir() && !litter(f.Name) {
			real = append(real, f)
		}
	}
	around := commonDirectory(real)
	if around != "" {
		a.warn("archive", "everything is inside the directory %q; files belong at the top", around)
		around += "/"
	}
	for _, f := range real {
		name := strings.TrimPrefix(f.Name, around)
		base, isCSV := cutSuffixFold(name, ".csv")
		switch {
		case strings.Contains(name, "/") || !isCSV:
			a.warn("archive", "%q is not a file of OneRoster and was not read", name)
		default:
			proper := properName(base)
			if proper+".csv" != name {
				a.warn("archive", "%q is written %q", proper+".csv", name)
			}
			a.entries[proper] = f
		}
	}
}

// litter reports whether name is something that an operating system left.
func litter(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(base, "._") ||
		base == ".DS_Store" || base == "Thumbs.db" || base == "desktop.ini"
}

func commonDirectory(files []*zip.File) string {
	around := ""
	for i, f := range files {
		dir, _, ok := strings.Cut(f.Name, "/")
		if !ok || i > 0 && dir != around {
			return ""
		}
		around = dir
	}
	return around
}

func cutSuffixFold(s, suffix string) (string, bool) {
	if n := len(s) - len(suffix); n >= 0 && strings.EqualFold(s[n:], suffix) {
		return s[:n], true
	}
	return s, false
}

// properName returns the name of a file as the specification writes it.
func properName(name string) string {
	if strings.EqualFold(name, "manifest") {
		return "manifest"
	}
	for _, t := range tables() {
		if strings.EqualFold(t.name, name) {
			return t.name
		}
	}
	return name
}

func (a *Archive) warn(file, format string, args ...any) {
	const most = 100 // of an archive with a thousand stray files
	if len(a.Warnings) < most {
		a.Warnings = append(a.Warnings, Warning{File: file, Message: fmt.Sprintf(format, args...), Count: 1})
	}
}

// open returns the unpacked bytes of a file. archive/zip ends them with an error
// where there are more than the directory declared, so a forged size does not
// defeat the limits.
func (a *Archive) open(name string) (io.ReadCloser, error) {
	f, ok := a.entries[name]
	if !ok {
		return nil, trellis.Errorf(trellis.NotFound, "the zip has no %s.csv", name)
	}
	rc, err := f.Open()
	if err != nil {
		return nil, inFile(name, err)
	}
	return rc, nil
}
