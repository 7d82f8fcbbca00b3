package oneroster_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
)

// pack makes a zip of files, given as name and content by turns.
func pack(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := zw.Create(files[i])
		if err == nil {
			_, err = f.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t testing.TB, data []byte, cfg oneroster.Config) *oneroster.Archive {
	t.Helper()
	a, err := oneroster.Open(bytes.NewReader(data), int64(len(data)), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// manifest makes a manifest of a version with files, "users=bulk".
func manifest(version string, files ...string) string {
	var b strings.Builder
	b.WriteString("propertyName,value\nmanifest.version,1.0\noneroster.version," + version + "\n")
	for _, f := range files {
		name, mode, _ := strings.Cut(f, "=")
		b.WriteString("file." + name + "," + mode + "\n")
	}
	b.WriteString("source.systemName,Test\nsource.systemCode,T\n")
	return b.String()
}

// rows returns every row of a file.
func rows(t testing.TB, a *oneroster.Archive, name string) []*oneroster.Row {
	t.Helper()
	var all []*oneroster.Row
	for r, err := range a.Rows(t.Context(), name) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// outcome says how a row came out: "ok", its warnings, or its fault.
func outcome(r *oneroster.Row, err error) string {
	var f *oneroster.Fault
	if errors.As(err, &f) {
		return fmt.Sprintf("row %d %s: %s", f.Row, f.Column, f.Message)
	}
	if len(r.Warnings) == 0 {
		return "ok"
	}
	var all []string
	for _, w := range r.Warnings {
		all = append(all, strings.TrimSpace(w.Column+" "+w.Message))
	}
	return "warned: " + strings.Join(all, "; ")
}

const usersHeader = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password\n"

func TestUserRows(t *testing.T) {
	for _, tt := range []struct {
		name, row       string
		lenient, strict string // strict is as lenient if empty
	}{
		{"conformant", "u1,,,true,o1,student,ada,,Ada,Lovelace,,,ada@example.org,,,,,", "ok", ""},
		{"case", "u1,,,TRUE,o1,Student,ada,,Ada,Lovelace,,,,,,,,", `warned: enabledUser the value must be written true or false; role "student" is written "Student"`, "row 2 enabledUser: the value must be written true or false"},
		{"numbers for booleans", "u1,,,1,o1,student,ada,,Ada,Lovelace,,,,,,,,", "warned: enabledUser the value must be written true or false", "row 2 enabledUser: the value must be written true or false"},
		{"what is not seen", "u1,,,true,o1,student,ada,,\ufeffAda\u200b,Lovelace,,,,,,,,", "warned: givenName characters that are not seen, or turn the order of others, were taken out", "row 2 givenName: characters that are not seen, or turn the order of others, were taken out"},
		{"nothing that is seen", "u1,,,true,o1,student,ada,,\u200b,Lovelace,,,,,,,,", "row 2 givenName: the value has nothing in it that one sees", "row 2 givenName: the value has nothing in it that one sees"},
		{"spaces", " u1 ,,,true,o1,student,ada,,Ada ,Lovelace,,,,,,,,", "warned: sourcedId there are spaces around the value; givenName there are spaces around the value", "row 2 sourcedId: there are spaces around the value"},
		{"no family name", "u1,,,true,o1,student,ada,,Ada,,,,,,,,,", "row 2 familyName: a value is needed", ""},
		{"bad role", "u1,,,true,o1,pupil,ada,,Ada,L,,,,,,,,", `row 2 role: "pupil" is none of administrator, aide, guardian, parent, proctor, relative, student, teacher`, ""},
		{"address in the wrong place", "u1,,,true,o1,ada@example.org,ada,,Ada,L,,,,,,,,", "row 2 role: the value is none of administrator, aide, guardian, parent, proctor, relative, student, teacher", ""},
		{"bad status", "u1,gone,,true,o1,student,ada,,Ada,L,,,,,,,,", `row 2 status: "gone" is none of active, inactive, tobedeleted`, ""},
		{"bad address", "u1,,,true,o1,student,ada,,Ada,L,,,ada at home,,,,,", "warned: email the value is not an email address; taken for empty", "row 2 email: the value is not an email address; taken for empty"},
		{"removed", "u1,tobedeleted,,,,,,,,,,,,,,,,", "warned: enabledUser a value is needed; role a value is needed; orgSourcedIds a value should be here; username a value should be here; givenName a value is needed; familyName a value is needed", "row 2 enabledUser: a value is needed"},
		{"day for a time", "u1,active,2023-05-01,true,o1,student,ada,,Ada,L,,,,,,,,", "warned: dateLastModified the time of day or its zone is missing; taken for UTC", "row 2 dateLastModified: the time of day or its zone is missing; taken for UTC"},
		{"quoted", `"u1","","","true","o1,o2","student","ada","{LDAP:1},{LTI:2}","A ""B""","L, Jr.","","","","","","","",""`, "ok", ""},
		{"list not quoted", "u1,,,true,o1,student,ada,{LDAP:1},{LTI:2},{Fed:3},Ada,L,,,,,,,,", "warned: userIds the list is not quoted", "row 2 userIds: the list is not quoted"},
		{"bare quote", `u1,,,true,o1,student,ada,,Ada "The" L,L,,,,,,,,`, "warned: a quote stands inside a value that is not quoted", "row 2 : a quote stands inside a value that is not quoted"},
		{"too many", "u1,,,true,o1,student,ada,,Ada,L,,,,,,,,,more", "row 2 : there are more cells than columns", ""},
		{"too many, but empty", "u1,,,true,o1,student,ada,,Ada,L,,,,,,,,,,", "warned: there are more cells than columns, but the last are empty", "row 2 : there are more cells than columns, but the last are empty"},
		{"too few", "u1,,,true,o1,student,ada,,Ada,L", "warned: there are fewer cells than columns; the last were taken for empty", "row 2 : there are fewer cells than columns; the last were taken for empty"},
		{"far too few", "u1,,,true", "row 2 role: a value is needed", "row 2 : there are fewer cells than columns; the last were taken for empty"},
		{"open quote", `u1,,,true,o1,student,ada,,"Ada,L,,,,,,,,`, "row 2 : a quote is not closed", ""},
		{"torn quote", `u1,,,true,o1,student,ada,,"A"da,L,,,,,,,,`, "row 2 : there is text behind a closing quote", ""},
		{"windows", "u1,,,true,o1,student,ada,,Ren\xe9,L,,,,,,,,", "warned: the row is not UTF-8; it was read as Windows-1252", "row 2 : the row is not UTF-8; it was read as Windows-1252"},
		{"nul", "u1,,,true,o1,student,ada,,A\x00da,L,,,,,,,,", "row 2 : the row has a control character", ""},
		{"bad user ids", "u1,,,true,o1,student,ada,LDAP-12,Ada,L,,,,,,,,", "warned: userIds the value is not a list of {Type:Identifier}; taken for empty", "row 2 userIds: the value is not a list of {Type:Identifier}; taken for empty"},
		{"password is not looked at", "u1,,,true,o1,student,ada,,Ada,L,,,,,,,, pass word ", "ok", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// The row behind must be read whatever the one before is like.
			data := pack(t, "manifest.csv", manifest("1.1", "users=bulk"), "users.csv",
				usersHeader+tt.row+"\r\nnext,,,true,o1,student,next,,Next,One,,,,,,,,\r\n")
			for _, strict := range []bool{false, true} {
				all := rows(t, open(t, data, oneroster.Config{Strict: strict}), "users")
				if len(all) != 2 {
					t.Fatalf("%d rows, want 2", len(all))
				}
				_, err := all[0].User()
				want := tt.lenient
				if strict && tt.strict != "" {
					want = tt.strict
				}
				if got := outcome(all[0], err); got != want {
					t.Errorf("strict %v:\n got %s\nwant %s", strict, got, want)
				}
				if err != nil && trellis.KindOf(err) != trellis.Invalid {
					t.Errorf("kind = %q", trellis.KindOf(err))
				}
				next, err := all[1].User()
				if got := outcome(all[1], err); got != "ok" || next.SourcedID != "next" {
					t.Errorf("the row behind: %s", got)
				}
			}
		})
	}
}

func TestUser(t *testing.T) {
	row := `u1,active,2023-05-01T18:25:43.511+02:00,true,"o1, o2",teacher,ada,"{LDAP:12},{LTI:15}",René,Lovelace,M,id,ada@example.org,1,2,u7,12, Pass word ` + "\n"
	data := pack(t, "manifest.csv", manifest("1.1", "users=delta"), "users.csv", usersHeader+row)
	for _, keep := range []bool{false, true} {
		r := rows(t, open(t, data, oneroster.Config{Passwords: keep}), "users")[0]
		if s := fmt.Sprintf("%+v", r); !keep && strings.Contains(s, "Pass word") {
			t.Errorf("the row keeps the password: %s", s)
		}
		u, err := r.User()
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		if keep {
			want = " Pass word "
		}
		if string(u.Password) != want {
			t.Errorf("password = %q, want %q", string(u.Password), want)
		}
		if s := fmt.Sprintf("%v %+v %#v", u, u, u); strings.Contains(s, "Pass word") {
			t.Errorf("the password is printed: %s", s)
		}
		u.Password = ""
		got := fmt.Sprintf("%s %s %s %v %v %s %s %v %v", u.SourcedID, u.Status, u.Modified.Format("15:04:05.000"), u.Enabled, u.Orgs, u.Role, u.GivenName, u.UserIDs, u.Agents)
		if want := "u1 active 16:25:43.511 true [o1 o2] teacher René [{LDAP 12} {LTI 15}] [u7]"; got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

func TestRowsForgetPasswords(t *testing.T) {
	for name, row := range map[string]string{
		"good":           "u1,,,true,o1,student,ada,,Ada,L,,,,,,,,Pass word",
		"list torn":      "u1,,,true,o1,student,ada,{a:1},{b:2},Ada,L,,,,,,,,Pass word",
		"too many cells": "u1,,,true,o1,student,ada,,Ada,L,,,,,,,,,Pass word",
		"open quote":     `u1,,,true,o1,student,ada,,"Ada,L,,,,,,,,Pass word`,
		"no such role":   "u1,,,true,o1,pupil,ada,,Ada,L,,,,,,,,Pass word",
	} {
		for _, header := range []string{usersHeader, "Sourced Id" + strings.TrimPrefix(usersHeader, "sourcedId")} {
			for _, strict := range []bool{false, true} {
				data := pack(t, "manifest.csv", manifest("1.1", "users=bulk"), "users.csv", header+row+"\n")
				r := rows(t, open(t, data, oneroster.Config{Strict: strict}), "users")[0]
				u, err := r.User()
				if s := fmt.Sprintf("%+v %v %s", r, err, string(u.Password)); strings.Contains(s, "Pass word") {
					t.Errorf("%s, strict %v: %s", name, strict, s)
				}
			}
		}
	}
}

func TestDeltaNeedsStatusAndTime(t *testing.T) {
	data := pack(t, "manifest.csv", manifest("1.1", "orgs=delta"),
		"orgs.csv", "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\no1,,2023-05-01T00:00:00Z,A,school,,\no2,active,,A,school,,\n")
	var got []string
	for _, r := range rows(t, open(t, data, oneroster.Config{}), "orgs") {
		_, err := r.Org()
		got = append(got, outcome(r, err))
	}
	want := []string{"row 2 status: a value is needed in a delta file", "row 3 dateLastModified: a value is needed in a delta file"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestHeaders(t *testing.T) {
	const proper = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId"
	for _, tt := range []struct{ name, header, row, lenient, strict string }{
		{"proper", proper, "o1,,,A,school,,", "ok", "ok"},
		{"metadata", proper + ",metadata.colour", "o1,,,A,school,,,red", "ok", "ok"},
		{"byte order mark", "\ufeff" + proper, "o1,,,A,school,,", "ok", "ok"},
		{"quoted", `"sourcedId","status","dateLastModified","name","type","identifier","parentSourcedId"`, "o1,,,A,school,,", "ok", "ok"},
		{"case and spaces", "SourcedID,Status,Date Last Modified,NAME,type,identifier,parent_sourced_id", "o1,,,A,school,,",
			`warned: sourcedId the column is written "SourcedID"; status the column is written "Status"; dateLastModified the column is written "Date Last Modified"; name the column is written "NAME"; parentSourcedId the column is written "parent_sourced_id"`,
			`row 2 sourcedId: header: the column is written "SourcedID"`},
		{"order", "name,sourcedId,status,dateLastModified,type,identifier,parentSourcedId", "A,o1,,,school,,",
			"warned: sourcedId the column is not where it belongs; status the column is not where it belongs; dateLastModified the column is not where it belongs", "row 2 sourcedId: header: the column is not where it belongs"},
		{"unknown", proper + ",colour", "o1,,,A,school,,,red", "warned: colour the column is unknown and was not read", "row 2 colour: header: the column is unknown and was not read"},
		{"twice", proper + ",name", "o1,,,A,school,,,B", "warned: name the column is there twice; the first counts", "row 2 name: header: the column is there twice; the first counts"},
		{"optional one missing", "sourcedId,status,dateLastModified,name,type,identifier", "o1,,,A,school,", "warned: parentSourcedId the column is missing", "row 2 parentSourcedId: header: the column is missing"},
		{"mandatory one missing", "sourcedId,status,dateLastModified,type,identifier,parentSourcedId", "o1,,,school,,", "row 2 name: a value is needed", "row 2 name: header: the column is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := pack(t, "manifest.csv", manifest("1.1", "orgs=bulk"), "orgs.csv", tt.header+"\n"+tt.row+"\n")
			for strict, want := range map[bool]string{false: tt.lenient, true: tt.strict} {
				r := rows(t, open(t, data, oneroster.Config{Strict: strict}), "orgs")[0]
				o, err := r.Org()
				if got := outcome(r, err); got != want {
					t.Errorf("strict %v:\n got %s\nwant %s", strict, got, want)
				}
				if err == nil && (o.SourcedID != "o1" || o.Name != "A" || o.Type != "school") {
					t.Errorf("org = %+v", o)
				}
			}
		})
	}
}

func TestLines(t *testing.T) {
	const header = "sourcedId,status,dateLastModified,title,weight\n"
	for _, tt := range []struct {
		name, body string
		want       string // number/line/first cell, or number!fault
	}{
		{"nothing", "", ""},
		{"no end of line", "a,,,A,", "2/2/a"},
		{"empty lines", "\r\na,,,A,\n\n\nb,,,B,\n\n", "3/3/a 6/6/b"},
		{"value over lines", "a,,,\"one\ntwo\",\nb,,,B,\n", "2/2/a 3/4/b"},
		{"open quote", "a,,,\"A,\nb,,,B,\nc,,,C,\n", "2!a quote is not closed 3/3/b 4/4/c"},
		{"open quotes", "a,,,\"A,\nb,,,\"B,\nc,,,C,\n", "2!a quote is not closed 3!a quote is not closed 4/4/c"},
		{"open quote at the end", "a,,,A,\nb,,,\"B,", "2/2/a 3!a quote is not closed"},
		{"open quote must not swallow a row", "a,,,\"A\nb,,,B,\nx\",\nc,,,C,\n", "2!a quote is not closed 3/3/b ?/?/x\" 5/5/c"},
		{"open quote must not change the width", "a,,,\"A\nx\",y,z,z\nc,,,C,\n", "2!a quote is not closed ?/?/x\" 4/4/c"},
		{"open quote and far away another", "a,,,\"A,\n" + strings.Repeat("x\n", 40) + "b,,,\"B\",\n",
			"2!a quote is not closed" + strings.Repeat(" ?/?/x", 40) + " 43/43/b"},
		{"long line", "a,,," + strings.Repeat("A", 2<<20) + ",\nb,,,B,\n", "2!the row is longer than 1048576 bytes 3/3/b"},
		{"many cells", strings.Repeat(",", 5000) + "\nb,,,B,\n", "2!the row has more than 4096 cells 3/3/b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := pack(t, "manifest.csv", manifest("1.2", "categories=bulk"), "categories.csv", header+tt.body)
			var got []string
			for _, r := range rows(t, open(t, data, oneroster.Config{MaxRatio: 1 << 20}), "categories") {
				c, err := r.Category()
				var f *oneroster.Fault
				switch {
				case r.Err() != nil && errors.As(r.Err(), &f) && f.Column == "":
					got = append(got, fmt.Sprintf("%d!%s", r.Number, f.Message))
				case err != nil && strings.HasPrefix(c.SourcedID, "x"):
					got = append(got, "?/?/"+c.SourcedID)
				case err != nil:
					t.Error(err)
				default:
					got = append(got, fmt.Sprintf("%d/%d/%s", r.Number, r.Line, c.SourcedID))
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("\n got %s\nwant %s", s, tt.want)
			}
		})
	}
}

func TestFixtures(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "..", "shared", "fixtures", "oneroster")
	if env := os.Getenv("TRELLIS_FIXTURES"); env != "" {
		dir = filepath.Join(env, "oneroster")
	}
	for _, tt := range []struct {
		file, version string
		rows          map[string]int
		faults        int
	}{
		{"Test_full_data_set.zip", oneroster.V11, map[string]int{"academicSessions": 5, "classes": 2, "enrollments": 6, "orgs": 1, "users": 6}, 0},
		{"oneroster_test_data.zip", oneroster.V12, map[string]int{"academicSessions": 1, "classes": 1, "courses": 1, "demographics": 1,
			"enrollments": 1, "orgs": 1, "roles": 1, "userProfiles": 1, "users": 1}, 0},
	} {
		t.Run(tt.file, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, tt.file))
			if errors.Is(err, os.ErrNotExist) {
				t.Skipf("skipped %s: the fixtures are not at %s", tt.file, dir)
			}
			if err != nil {
				t.Fatal(err)
			}
			a := open(t, data, oneroster.Config{})
			if a.Manifest.Version != tt.version {
				t.Errorf("version %s", a.Manifest.Version)
			}
			got, faults := map[string]int{}, 0
			for _, f := range a.Plan() {
				for _, r := range rows(t, a, f.Name) {
					got[f.Name]++
					if err := r.Check(); err != nil {
						faults++
						t.Log(err)
					}
					for _, w := range r.Warnings {
						t.Log("warning:", w.Error())
					}
				}
			}
			if !maps.Equal(got, tt.rows) || faults != tt.faults {
				t.Errorf("rows %v, %d faults; want %v, %d", got, faults, tt.rows, tt.faults)
			}
		})
	}
}
