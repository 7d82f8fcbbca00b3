package pagestest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"testing"
)

// Roster is an archive of users; the manifest says that it is a delta.
func Roster(t *testing.T, rows string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string]string{
		"manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.users,delta\n",
		"users.csv":    "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password\n" + rows,
	} {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// RosterRows are lines of a roster for n people of one given name.
func RosterRows(n int, status, given string) (rows string) {
	for i := range n {
		rows += fmt.Sprintf("u%d,%s,2026-09-01T08:00:00Z,true,school,student,u%d,,%s,Name,,,,,,,,\n", i, status, i, given)
	}
	return rows
}
