package oneroster

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
)

// Use says what an import does with a file.
type Use string

// The uses of a file. Every row counts in the report, whichever it is.
const (
	Kept      Use = "kept"      // its rows become something
	Consulted Use = "consulted" // read for what other rows need to know; the rows count as skipped
	Ignored   Use = "ignored"   // the rows count as skipped; only those that are not CSV are invalid
)

// File is a file that an archive has and its manifest lists.
type File struct {
	Name string // without ".csv"
	Mode Mode   // Bulk or Delta
	Use  Use
	Size int64 // unpacked
}

// Plan returns the files to read, in the order in which to read them: what is
// referred to comes before what refers to it. Files that the specification does
// not know but the manifest lists come last. The order never changes, so a place
// in it can be kept.
func (a *Archive) Plan() []File {
	var plan []File
	add := func(name string) {
		if mode := a.Manifest.Files[name]; mode == Bulk || mode == Delta {
			plan = append(plan, File{Name: name, Mode: mode, Use: useOf(name), Size: int64(a.entries[name].UncompressedSize64)})
		}
	}
	known := map[string]bool{"manifest": true}
	for _, t := range tables() {
		add(t.name)
		known[t.name] = true
	}
	for _, name := range sortedKeys(a.Manifest.Files) {
		if !known[name] {
			add(name)
		}
	}
	return plan
}

func useOf(name string) Use {
	switch name {
	case "classes", "users", "enrollments":
		return Kept
	case "orgs", "courses", "academicSessions":
		return Consulted
	}
	return Ignored
}

// Part is what somebody gets in a course through an enrolment of OneRoster.
type Part string

// The parts.
const (
	Learner Part = "learner" // is enrolled
	Staff   Part = "staff"   // gets the course role [trellis.RoleStaff]
	Nobody  Part = ""        // is a person only: parents, guardians, relatives
)

// PartOf returns what the role of an enrolment gives. Nothing in a file gives a
// right outside its course: the administrator of a district is none of Trellis.
func PartOf(role string) Part {
	switch role {
	case "student":
		return Learner
	case "parent", "guardian", "relative", "":
		return Nobody
	}
	return Staff
}

// Standing is what is known, at an enrolment, of the person or class it names.
type Standing uint8

// The standings.
const (
	Unknown  Standing = iota // neither the archive nor the tenant has it
	Present                  // it is there
	Refused                  // a filter refused it
	Leaving                  // this archive removes it
	Disabled                 // the person's account does not work
	Planned                  // a dry run would make it
)

// Verb is what an enrolment's row is to do.
type Verb string

// The verbs.
const (
	Enroll   Verb = "enroll"   // give the part of PartOf
	Unenroll Verb = "unenroll" // take it back
	Skip     Verb = "skip"     // nothing, with a reason: skipped
	Nothing  Verb = "nothing"  // what is asked for is so already: unchanged
	Reject   Verb = "reject"   // the row is wrong: invalid
)

// Verdict is what becomes of an enrolment's row.
type Verdict struct {
	Verb    Verb
	Part    Part   // of Enroll and Unenroll
	Column  string // of Skip and Reject
	Message string // of Skip and Reject
}

// Judge decides what becomes of an enrolment, given what is known of its person and
// its class. Removing what never was is no mistake; naming what is not there is.
func (e Enrollment) Judge(user, class Standing) Verdict {
	part := PartOf(e.Role)
	switch {
	case part == Nobody:
		return Verdict{Verb: Skip, Column: "role", Message: "parents, guardians and relatives are people only, without a part in the course"}
	case e.Removes() && (never(user) || never(class)):
		return Verdict{Verb: Nothing}
	case e.Removes():
		return Verdict{Verb: Unenroll, Part: part}
	case class == Unknown:
		return Verdict{Verb: Reject, Column: "classSourcedId", Message: "there is no such class, in the file or before it"}
	case user == Unknown:
		return Verdict{Verb: Reject, Column: "userSourcedId", Message: "there is no such person, in the file or before it"}
	case user == Refused:
		return Verdict{Verb: Skip, Column: "userSourcedId", Message: "the registration of the person was refused"}
	case class == Refused:
		return Verdict{Verb: Skip, Column: "classSourcedId", Message: "the class was refused"}
	case user == Leaving:
		return Verdict{Verb: Skip, Column: "userSourcedId", Message: "the person is removed"}
	case user == Disabled:
		return Verdict{Verb: Skip, Column: "userSourcedId", Message: "the account of the person does not work"}
	case class == Leaving:
		return Verdict{Verb: Skip, Column: "classSourcedId", Message: "the class is removed"}
	}
	return Verdict{Verb: Enroll, Part: part}
}

// never reports whether what has this standing cannot have been part of anything.
func never(s Standing) bool { return s == Unknown || s == Refused || s == Planned }

// CourseKey returns the key of the course that a new class becomes. school is the
// organisation of the class and course what it teaches; either may be zero, where
// the archive does not have it. schoolYear may be empty.
//
// A sourcedId that is a course key is that course: so Trellis writes its own.
// Otherwise the key is made of the school's identifier, the code of class or
// course, and the school year with the sourcedId of the class. Different classes
// never get the same key: where the sourcedId must be changed to be allowed, a
// digest of it is added.
func (c Class) CourseKey(school Org, course Course, schoolYear string) trellis.CourseKey {
	if key, err := trellis.ParseCourseKey(c.SourcedID); err == nil {
		return key
	}
	org := part(40, school.Identifier, c.School)
	code := part(64, c.Code, course.Code, c.Title, c.SourcedID)
	run := exactPart(c.SourcedID)
	if year := strings.ReplaceAll(part(12, schoolYear), "~", "-"); schoolYear != "" && year != "" {
		run = year + "~" + run // no year has a "~", so the first one ends it
	} else if strings.Contains(run, "~") {
		run = "~" + run
	}
	return trellis.CourseKey{Organisation: org, Code: code, Run: run}
}

// part returns the first of names of which something is left when it is cut to
// what a part of a course key may be.
func part(most int, names ...string) string {
	for _, name := range names {
		if s := clean(name, most); strings.Trim(s, ".") != "" { // "." and ".." mean something else in an address
			return s
		}
	}
	return "x"
}

// exactPart returns a part of a course key that no other id gives.
func exactPart(id string) string {
	const most, digest = 50, 16
	s := clean(id, most)
	if s == id && !endsInDigest(s, digest) {
		return s
	}
	sum := sha256.Sum256([]byte(id))
	return clean(s, most-digest-1) + "~" + hex.EncodeToString(sum[:digest/2])
}

// endsInDigest reports whether s looks like what exactPart makes.
func endsInDigest(s string, n int) bool {
	at := len(s) - n - 1
	return at >= 0 && s[at] == '~' && strings.Trim(s[at+1:], "0123456789abcdef") == ""
}

// clean returns name with "-" for every run of characters that a course key may
// not have, and at most most bytes of it.
func clean(name string, most int) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.TrimSpace(name) {
		ok := r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._~-", r))
		if !ok {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteRune(r)
	}
	s := b.String()
	if len(s) > most {
		s = strings.TrimRight(s[:most], "-")
	}
	return s
}

// Login returns the username that a new person gets: the username of the row, or
// the local part of the address, or the sourcedId, whichever first makes one that
// Trellis allows (at most 150 printable characters without spaces).
func (u User) Login() string {
	local, _, _ := strings.Cut(u.Email, "@")
	for _, name := range []string{u.Username, local, u.SourcedID} {
		if name != "" && validLogin(name) {
			return name
		}
	}
	return exactPart(u.SourcedID)
}

func validLogin(name string) bool {
	return utf8.ValidString(name) && utf8.RuneCountInString(name) <= 150 &&
		!strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

// noName stands in a mandatory column for a name that somebody does not have.
const noName = "-"

// Name returns the full name: what the person prefers to be called, or is called.
// It is cut to 255 characters. A given or family name "-" is none.
func (u User) Name() string {
	given, family := u.GivenName, u.FamilyName
	if u.PreferredGivenName != "" {
		given = u.PreferredGivenName
	}
	if u.PreferredFamilyName != "" {
		family = u.PreferredFamilyName
	}
	var name string
	switch {
	case given == noName && family == noName:
	case given == noName || given == "":
		name = family
	case family == noName || family == "":
		name = given
	default:
		name = given + " " + family
	}
	if r := []rune(name); len(r) > 255 {
		name = strings.TrimSpace(string(r[:255]))
	}
	return name
}

// SplitName returns a given and a family name, neither empty, of which
// [User.Name] makes name again. It splits at the last space.
func SplitName(name string) (given, family string) {
	r := []rune(strings.TrimSpace(name))
	for i := len(r) - 2; i > 0; i-- {
		if r[i] == ' ' && !unicode.IsSpace(r[i-1]) && !unicode.IsSpace(r[i+1]) {
			if family := string(r[i+1:]); family != noName && string(r[:i]) != noName {
				return string(r[:i]), family
			}
		}
	}
	if len(r) == 0 {
		return noName, noName
	}
	return string(r), noName
}
