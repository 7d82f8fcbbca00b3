package trellis_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	migrationFile = regexp.MustCompile(`^(\d{5})_[a-z][a-z0-9_]*\.sql$`)
	createsTable  = regexp.MustCompile(`(?im)^\s*CREATE TABLE (?:IF NOT EXISTS )?([a-z0-9_]+)`)
)

// faultsOfMigrations says what is wrong with the migrations below a directory. Numbers
// are each package's own: which of them were applied is kept in a table of its own. A
// number stands for one step there, and a table belongs to one package.
func faultsOfMigrations(tree fs.FS) (faults []string, found int) {
	numbers, owners := map[string]string{}, map[string]string{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Base(path.Dir(name)) != "migrations" {
			return err
		}
		found++
		pkg := path.Dir(path.Dir(name))
		match := migrationFile.FindStringSubmatch(path.Base(name))
		if match == nil {
			faults = append(faults, name+" is not named NUMBER_WHAT.sql, with five digits")
			return nil
		}
		if other, twice := numbers[pkg+"/"+match[1]]; twice {
			faults = append(faults, name+" has the number of "+other)
		}
		numbers[pkg+"/"+match[1]] = name
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(string(text), "-- +goose Up\n") {
			faults = append(faults, name+" does not begin with -- +goose Up")
		}
		for _, table := range createsTable.FindAllStringSubmatch(string(text), -1) {
			if owner, ok := owners[table[1]]; ok && owner != pkg {
				faults = append(faults, name+" makes the table "+table[1]+", which is that of "+owner)
			}
			owners[table[1]] = pkg
		}
		return nil
	})
	if err != nil {
		faults = append(faults, err.Error())
	}
	return faults, found
}

func TestMigrations(t *testing.T) {
	faults, found := faultsOfMigrations(os.DirFS("."))
	if found < 15 {
		t.Fatalf("only %d migrations were found", found)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

// TestMigrationFaults: what TestMigrations is there to find, it finds.
func TestMigrationFaults(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a/migrations/00001_first.sql": "-- +goose Up\nCREATE TABLE things (id TEXT);\n",
		"a/migrations/00001_other.sql": "-- +goose Up\n",
		"a/migrations/2_short.sql":     "-- +goose Up\n",
		"b/migrations/00001_mine.sql":  "CREATE TABLE IF NOT EXISTS things (id TEXT);\n",
		"b/else/00001_no.sql":          "",
	} {
		if err := os.MkdirAll(path.Dir(dir+"/"+name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	faults, found := faultsOfMigrations(os.DirFS(dir))
	got := strings.Join(faults, "\n")
	if found != 4 || len(faults) != 4 {
		t.Errorf("%d files, %d faults:\n%s", found, len(faults), got)
	}
	for _, want := range []string{"00001_other.sql has the number of a/migrations/00001_first.sql", "2_short.sql is not named", "does not begin with", "makes the table things, which is that of a"} {
		if !strings.Contains(got, want) {
			t.Errorf("not found: %s in\n%s", want, got)
		}
	}
}
