package oneroster_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
)

const orgsCSV = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\no1,,,A,school,,\n"

// entry makes a zip with a good manifest and one entry more, as change leaves it.
func entry(t *testing.T, content string, change func(*zip.FileHeader)) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := zip.NewWriter(&b)
	m, err := zw.Create("manifest.csv")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = m.Write([]byte(manifest("1.1", "orgs=bulk")))
	h := &zip.FileHeader{Name: "orgs.csv", Method: zip.Deflate}
	change(h)
	f, err := zw.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte(content))
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHostileZips(t *testing.T) {
	named := func(name string) []byte { return entry(t, "", func(h *zip.FileHeader) { h.Name = name }) }
	big := strings.Repeat("a", 2<<20)
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"no zip", []byte("hello"), "read the zip"},
		{"nothing", nil, "read the zip"},
		{"parent", named("../orgs.csv"), "bad path"},
		{"parent inside", named("a/../orgs.csv"), "bad path"},
		{"absolute", named("/orgs.csv"), "bad path"},
		{"backslash", named(`a\orgs.csv`), "bad path"},
		{"drive", named("c:orgs.csv"), "bad path"},
		{"not UTF-8", named("\xff.csv"), "bad path"},
		{"twice", named("manifest.csv"), "two entries"},
		{"twice but for case", named("Manifest.CSV"), "two entries"},
		{"link", entry(t, "manifest.csv", func(h *zip.FileHeader) { h.SetMode(fs.ModeSymlink | 0o777) }), "is a link"},
		{"encrypted", entry(t, "x", func(h *zip.FileHeader) { h.Flags |= 1 }), "encrypted"},
		{"bomb", entry(t, big, func(*zip.FileHeader) {}), "times its size"},
		{"large", entry(t, big, func(h *zip.FileHeader) { h.Method = zip.Store }), "unpacks to more than 1048576 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := oneroster.Open(bytes.NewReader(tt.data), int64(len(tt.data)), oneroster.Config{MaxSize: 1 << 20})
			if tt.name == "bomb" {
				_, err = oneroster.Open(bytes.NewReader(tt.data), int64(len(tt.data)), oneroster.Config{})
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error = %v, want %q", err, tt.want)
			}
			if got := trellis.KindOf(err); got != trellis.Invalid {
				t.Errorf("kind = %q", got)
			}
		})
	}
}

func TestTooManyEntries(t *testing.T) {
	data := pack(t, "a.csv", "", "b.csv", "", "c.csv", "")
	if _, err := oneroster.Open(bytes.NewReader(data), int64(len(data)), oneroster.Config{MaxEntries: 2}); trellis.KindOf(err) != trellis.Invalid {
		t.Errorf("error = %v", err)
	}
}

// TestLargeDirectory: what a zip says of itself is not read into memory without end.
func TestLargeDirectory(t *testing.T) {
	var b bytes.Buffer
	zw := zip.NewWriter(&b)
	for i := range 60_000 {
		if _, err := zw.Create(fmt.Sprintf("%060d.csv", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := oneroster.Open(bytes.NewReader(b.Bytes()), int64(b.Len()), oneroster.Config{})
	if trellis.KindOf(err) != trellis.Invalid || !strings.Contains(err.Error(), "directory has more than") {
		t.Errorf("error = %v", err)
	}
}

func TestTooManyRows(t *testing.T) {
	data := pack(t, "manifest.csv", manifest("1.1", "orgs=bulk"), "orgs.csv", orgsCSV+"o2,,,B,school,,\n")
	for most, want := range map[int]trellis.Kind{1: trellis.Invalid, 2: ""} {
		n, err := open(t, data, oneroster.Config{MaxRows: most}).Count(t.Context(), "orgs")
		if err != nil && trellis.KindOf(err) != want || err == nil && (want != "" || n != 2) {
			t.Errorf("at most %d: %d, %v", most, n, err)
		}
	}
}

// TestLongValue: a value of 100 MB costs its row, and no memory.
func TestLongValue(t *testing.T) {
	data := entry(t, orgsCSV+"o2,,,\""+strings.Repeat("x", 100<<20)+"\",school,,\no3,,,C,school,,\n", func(h *zip.FileHeader) { h.Method = zip.Store })
	a := open(t, data, oneroster.Config{})
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	var got []string
	for r, err := range a.Rows(t.Context(), "orgs") {
		if err != nil {
			t.Fatal(err)
		}
		_, err := r.Org()
		got = append(got, outcome(r, err))
	}
	goruntime.ReadMemStats(&after)
	if want := []string{"ok", "row 3 : the row is longer than 1048576 bytes", "ok"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
		t.Errorf("reading it took %d bytes", n)
	}
}

func TestForgedSize(t *testing.T) {
	data := entry(t, orgsCSV+strings.Repeat("o2,,,B,school,,\n", 1000), func(*zip.FileHeader) {})
	// The central directory says how large the second entry unpacks: say less.
	at := bytes.LastIndex(data, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(data[at+24:], 100)
	a := open(t, data, oneroster.Config{})
	var last error
	for _, err := range a.Rows(t.Context(), "orgs") {
		last = err
	}
	if trellis.KindOf(last) != trellis.Invalid {
		t.Errorf("error = %v", last)
	}
}

func TestDamagedFile(t *testing.T) {
	data := entry(t, orgsCSV, func(h *zip.FileHeader) { h.Method = zip.Store })
	at := bytes.Index(data, []byte("o1,,,A"))
	data[at] = 'x' // the checksum is now wrong
	var last error
	for _, err := range open(t, data, oneroster.Config{}).Rows(t.Context(), "orgs") {
		last = err
	}
	if trellis.KindOf(last) != trellis.Invalid || !strings.Contains(last.Error(), "orgs.csv") {
		t.Errorf("error = %v", last)
	}
}

func TestRowsEnds(t *testing.T) {
	a := open(t, pack(t, "manifest.csv", manifest("1.1", "orgs=bulk"), "orgs.csv", orgsCSV), oneroster.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range a.Rows(ctx, "orgs") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v", err)
		}
	}
	for _, err := range a.Rows(t.Context(), "users") {
		if trellis.KindOf(err) != trellis.NotFound {
			t.Errorf("error = %v", err)
		}
	}
	for range a.Rows(t.Context(), "orgs") {
		break
	}
	if n, err := a.Count(t.Context(), "orgs"); n != 1 || err != nil {
		t.Errorf("counted %d, %v", n, err)
	}
}

func TestUTF16(t *testing.T) {
	a := open(t, pack(t, "manifest.csv", manifest("1.1", "orgs=bulk"), "orgs.csv", "\xff\xfes\x00o\x00"), oneroster.Config{})
	for _, err := range a.Rows(t.Context(), "orgs") {
		if err == nil || !strings.Contains(err.Error(), "UTF-16") || trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("error = %v", err)
		}
	}
}

func TestManifest(t *testing.T) {
	for _, tt := range []struct {
		name           string
		files          []string
		version        string
		plan           []string
		warning, error string
	}{
		{"good", []string{"manifest.csv", manifest("1.1", "users=absent", "orgs=bulk"), "orgs.csv", orgsCSV}, "1.1", []string{"orgs bulk"}, "", ""},
		{"order", []string{"manifest.csv", manifest("1.2", "users=delta", "zebra=bulk", "orgs=bulk", "results=bulk"), "orgs.csv", orgsCSV,
			"users.csv", "", "zebra.csv", "", "results.csv", ""}, "1.2", []string{"orgs bulk", "users delta", "results bulk", "zebra bulk"}, "", ""},
		{"none", []string{"orgs.csv", orgsCSV}, "1.1", []string{"orgs bulk"}, "the file is missing", ""},
		{"none, of 1.2", []string{"orgs.csv", orgsCSV, "roles.csv", ""}, "1.2", []string{"orgs bulk", "roles bulk"}, "the file is missing", ""},
		{"directory", []string{"export/manifest.csv", manifest("1.1", "orgs=bulk"), "export/orgs.csv", orgsCSV, "__MACOSX/export/._orgs.csv", "x"}, "1.1", []string{"orgs bulk"}, "inside the directory", ""},
		{"case", []string{"Manifest.csv", "PropertyName , Value\nManifest.Version,1.0\nOneRoster.Version,1.1\nFile.Orgs, Bulk\n", "Orgs.CSV", orgsCSV}, "1.1", []string{"orgs bulk"}, "is written", ""},
		{"listed, missing", []string{"manifest.csv", manifest("1.1", "orgs=bulk", "users=bulk"), "orgs.csv", orgsCSV}, "1.1", []string{"orgs bulk"}, "but the file is missing", ""},
		{"absent, there", []string{"manifest.csv", manifest("1.1", "orgs=absent"), "orgs.csv", orgsCSV}, "1.1", nil, "says absent", ""},
		{"not listed", []string{"manifest.csv", manifest("1.1"), "orgs.csv", orgsCSV}, "1.1", nil, "is not in manifest.csv", ""},
		{"stray file", []string{"manifest.csv", manifest("1.1"), "readme.txt", "hello"}, "1.1", nil, "not a file of OneRoster", ""},
		{"twice", []string{"manifest.csv", manifest("1.1", "orgs=bulk", "orgs=delta"), "orgs.csv", orgsCSV}, "1.1", []string{"orgs bulk"}, "twice", ""},
		{"1.2.1", []string{"manifest.csv", manifest("1.2.1", "orgs=bulk"), "orgs.csv", orgsCSV}, "1.2", []string{"orgs bulk"}, "taken for 1.2", ""},
		{"future", []string{"manifest.csv", manifest("2.0", "orgs=bulk"), "orgs.csv", orgsCSV}, "", nil, "", "1.1 and 1.2 are read"},
		{"mode", []string{"manifest.csv", manifest("1.1", "orgs=some"), "orgs.csv", orgsCSV}, "", nil, "", "must be bulk, delta or absent"},
		{"large", []string{"manifest.csv", manifest("1.1") + strings.Repeat("x", 2<<20)}, "", nil, "", "larger than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := pack(t, tt.files...)
			a, err := oneroster.Open(bytes.NewReader(data), int64(len(data)), oneroster.Config{MaxRatio: 1 << 20})
			if tt.error != "" {
				if err == nil || !strings.Contains(err.Error(), tt.error) || trellis.KindOf(err) != trellis.Invalid {
					t.Fatalf("error = %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var plan []string
			for _, f := range a.Plan() {
				plan = append(plan, f.Name+" "+string(f.Mode))
			}
			if a.Manifest.Version != tt.version || !slices.Equal(plan, tt.plan) {
				t.Errorf("version %s, plan %q", a.Manifest.Version, plan)
			}
			warned := slices.ContainsFunc(a.Warnings, func(w oneroster.Warning) bool { return strings.Contains(w.Message, tt.warning) })
			if tt.warning == "" && len(a.Warnings) > 0 || tt.warning != "" && !warned {
				t.Errorf("warnings %v, want %q", a.Warnings, tt.warning)
			}
			_, err = oneroster.Open(bytes.NewReader(data), int64(len(data)), oneroster.Config{Strict: true, MaxRatio: 1 << 20})
			if (err != nil) != (tt.warning != "") {
				t.Errorf("strict: %v", err)
			}
		})
	}
}
