package oneroster

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/trellis-learning/trellis"
)

// Manifest is what manifest.csv says of an archive.
type Manifest struct {
	Version    string          // of OneRoster: [V11] or [V12]
	SystemName string          // of the system that wrote the archive
	SystemCode string          //
	Files      map[string]Mode // by name without ".csv"
}

// maxManifest bounds manifest.csv; a real one has less than 2 KB.
const maxManifest = 1 << 20

// readManifest reads manifest.csv, or guesses it where there is none.
func (a *Archive) readManifest() error {
	if _, ok := a.entries["manifest"]; !ok {
		a.guessManifest()
		return nil
	}
	rc, err := a.open("manifest")
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(rc, maxManifest+1))
	if err := errors.Join(err, rc.Close()); err != nil {
		return inFile("manifest", err)
	}
	if len(data) > maxManifest {
		return trellis.Errorf(trellis.Invalid, "manifest.csv is larger than %d bytes", maxManifest)
	}
	return a.parseManifest(data)
}

func (a *Archive) guessManifest() {
	a.warn("manifest.csv", "the file is missing; every file is taken for bulk")
	a.Manifest = Manifest{Version: V11, Files: map[string]Mode{}}
	for name := range a.entries {
		if tableOf(name).since == V12 {
			a.Manifest.Version = V12
		}
		a.Manifest.Files[name] = Bulk
	}
}

func (a *Archive) parseManifest(data []byte) error {
	properties, err := a.properties(data)
	if err != nil {
		return err
	}
	a.Manifest = Manifest{
		SystemName: properties["source.systemname"], SystemCode: properties["source.systemcode"], Files: map[string]Mode{},
	}
	if v := properties["manifest.version"]; v != "1.0" {
		a.warn("manifest.csv", "manifest.version is %.20q, not 1.0", v)
	}
	if err := a.version(properties["oneroster.version"]); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		if name, ok := strings.CutPrefix(key, "file."); ok && name != "" {
			if err := a.declare(properName(name), properties[key]); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.entries)) {
		if _, ok := a.Manifest.Files[name]; !ok && name != "manifest" {
			a.warn(name+".csv", "the file is not in manifest.csv and was not read")
		}
	}
	return nil
}

// properties reads the rows of manifest.csv. Keys come back in lower case, but
// for the name of a file that the specification does not know.
func (a *Archive) properties(data []byte) (map[string]string, error) {
	lines := newRecords(bytes.NewReader(data))
	properties := map[string]string{}
	for first := true; ; first = false {
		rec, err := lines.next(2)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(rec.notes) > 0 {
			a.warn("manifest.csv", "%s", rec.notes[0])
		}
		if rec.fault != "" || len(rec.cells) < 2 {
			a.warn("manifest.csv", "row %d is not a property and its value", rec.number)
			continue
		}
		key, value := strings.TrimSpace(rec.cells[0]), strings.TrimSpace(rec.cells[1])
		if first {
			if !strings.EqualFold(key, "propertyName") || !strings.EqualFold(value, "value") {
				a.warn("manifest.csv", "the header is not propertyName,value")
			}
			if strings.EqualFold(key, "propertyName") {
				continue
			}
		}
		lower := strings.ToLower(key)
		if strings.HasPrefix(lower, "file.") {
			lower = "file." + properName(strings.TrimSuffix(key[len("file."):], ".csv"))
		}
		if _, ok := properties[lower]; ok {
			a.warn("manifest.csv", "%.80q is there twice; the first counts", key)
			continue
		}
		properties[lower] = value
	}
	return properties, nil
}

func (a *Archive) version(v string) error {
	switch {
	case v == V11 || v == V12:
		a.Manifest.Version = v
	case strings.HasPrefix(v, "1.2"), strings.HasPrefix(v, "v1.2"):
		a.Manifest.Version = V12
		a.warn("manifest.csv", "oneroster.version is %.20q, taken for 1.2", v)
	case v == "", strings.HasPrefix(v, "1.0"), strings.HasPrefix(v, "1.1"), strings.HasPrefix(v, "v1.1"):
		a.Manifest.Version = V11
		if _, ok := a.entries["roles"]; ok {
			a.Manifest.Version = V12
		}
		a.warn("manifest.csv", "oneroster.version is %.20q, taken for %s", v, a.Manifest.Version)
	default:
		return trellis.Errorf(trellis.Invalid, "manifest.csv: oneroster.version is %.20q: 1.1 and 1.2 are read", v)
	}
	return nil
}

// declare takes in one file.* property.
func (a *Archive) declare(name, value string) error {
	_, present := a.entries[name]
	mode := Mode(strings.ToLower(value))
	if string(mode) != value {
		a.warn("manifest.csv", "file.%s is written %.20q", name, value)
	}
	switch mode {
	case Bulk, Delta:
		if !present {
			a.warn(name+".csv", "manifest.csv says %s, but the file is missing", mode)
			mode = Absent
		}
	case Absent:
		if present {
			a.warn(name+".csv", "manifest.csv says absent, so the file was not read")
		}
	default:
		// To guess here would be to choose between "everything" and "what changed".
		return trellis.Errorf(trellis.Invalid, "manifest.csv: file.%s is %.20q: it must be bulk, delta or absent", name, value)
	}
	a.Manifest.Files[name] = mode
	return nil
}
