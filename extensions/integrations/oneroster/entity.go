package oneroster

import (
	"strconv"
	"time"
)

// Status says what is to become of what a row is about.
type Status string

// The statuses. Most rows of a bulk file have none, which means active.
const (
	Active      Status = "active"
	Inactive    Status = "inactive" // of 1.1; it has the same effect as ToBeDeleted
	ToBeDeleted Status = "tobedeleted"
)

// Meta is what every row has.
type Meta struct {
	SourcedID string
	Status    Status    // never empty
	Modified  time.Time // in UTC; zero where the file does not say
}

// Removes reports whether what the row is about is to go.
func (m Meta) Removes() bool { return m.Status != Active }

// Org is a row of orgs.csv.
type Org struct {
	Meta
	Name, Type, Identifier, Parent string
}

// AcademicSession is a row of academicSessions.csv. Days are "2006-01-02".
type AcademicSession struct {
	Meta
	Title, Type, Start, End, Parent, SchoolYear string
}

// Course is a row of courses.csv: what is taught, where a [Class] is the teaching
// of it.
type Course struct {
	Meta
	Title, Code, Org string
}

// Class is a row of classes.csv, which is a course of Trellis.
type Class struct {
	Meta
	Title, Course, Code, Type, School string
	Terms                             []string
}

// UserID is an identifier that another system has for somebody.
type UserID struct{ Type, ID string }

// User is a row of users.csv.
type User struct {
	Meta
	Enabled                                 bool
	Role                                    string   // empty in 1.2: see [Role]
	Orgs                                    []string // likewise
	Username                                string
	UserIDs                                 []UserID
	GivenName, MiddleName, FamilyName       string
	PreferredGivenName, PreferredFamilyName string // of 1.2
	Identifier, Email                       string
	Agents                                  []string // the parents of a student, and the like
	Password                                Password // only with Config.Passwords
}

// Role is a row of roles.csv (1.2): what somebody is in an organisation.
type Role struct {
	Meta
	User, Org, Role string
	Primary         bool
}

// Enrollment is a row of enrollments.csv: somebody's part in a class.
type Enrollment struct {
	Meta
	Class, School, User, Role string
	Primary                   bool
	Begin, End                string // days, or empty
}

// Category is a row of categories.csv: a kind of line item.
type Category struct {
	Meta
	Title string
}

// LineItem is a row of lineItems.csv: something that is graded.
type LineItem struct {
	Meta
	Title, Description, Assigned, Due string
	Class, Category, GradingPeriod    string
	Min, Max                          float64
}

// Result is a row of results.csv: somebody's grade for a line item.
type Result struct {
	Meta
	LineItem, Student, ScoreStatus, Date, Comment string
	Score                                         float64
	Scored                                        bool // whether there is a score
}

// meta decodes what every row begins with.
func (r *Row) meta() Meta {
	m := Meta{SourcedID: r.value("sourcedId"), Status: Status(r.value("status")), Modified: r.time("dateLastModified")}
	if m.Status == "" {
		m.Status = Active
	}
	return m
}

func (r *Row) time(name string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, r.value(name)) // value is empty or of this form
	return t
}

func (r *Row) float(name string) (float64, bool) {
	f, err := strconv.ParseFloat(r.value(name), 64)
	return f, err == nil
}

// Check decodes every column of the row's table and returns its [Fault] or nil. It
// is for rows of which nothing is kept. Rows of tables whose columns the package
// does not know have no fault but those of CSV.
func (r *Row) Check() error {
	for _, c := range r.header.table.in(r.header.version) {
		_ = r.value(c.name)
	}
	return r.Err()
}

// Org decodes a row of orgs.csv. The error is a [Fault].
func (r *Row) Org() (Org, error) {
	o := Org{Meta: r.meta(), Name: r.value("name"), Type: r.value("type"), Identifier: r.value("identifier"), Parent: r.value("parentSourcedId")}
	return o, r.Err()
}

// AcademicSession decodes a row of academicSessions.csv. The error is a [Fault].
func (r *Row) AcademicSession() (AcademicSession, error) {
	s := AcademicSession{
		Meta: r.meta(), Title: r.value("title"), Type: r.value("type"), Start: r.value("startDate"), End: r.value("endDate"),
		Parent: r.value("parentSourcedId"), SchoolYear: r.value("schoolYear"),
	}
	return s, r.Err()
}

// Course decodes a row of courses.csv. The error is a [Fault].
func (r *Row) Course() (Course, error) {
	c := Course{Meta: r.meta(), Title: r.value("title"), Code: r.value("courseCode"), Org: r.value("orgSourcedId")}
	return c, r.Err()
}

// Class decodes a row of classes.csv. The error is a [Fault].
func (r *Row) Class() (Class, error) {
	c := Class{
		Meta: r.meta(), Title: r.value("title"), Course: r.value("courseSourcedId"), Code: r.value("classCode"),
		Type: r.value("classType"), School: r.value("schoolSourcedId"), Terms: items(r.value("termSourcedIds")),
	}
	return c, r.Err()
}

// User decodes a row of users.csv. The error is a [Fault].
func (r *Row) User() (User, error) {
	u := User{
		Meta: r.meta(), Enabled: r.value("enabledUser") == "true", Role: r.value("role"), Orgs: items(r.value("orgSourcedIds")),
		Username: r.value("username"), GivenName: r.value("givenName"), MiddleName: r.value("middleName"), FamilyName: r.value("familyName"),
		PreferredGivenName: r.value("preferredGivenName"), PreferredFamilyName: r.value("preferredFamilyName"),
		Identifier: r.value("identifier"), Email: r.value("email"), Agents: items(r.value("agentSourcedIds")),
		Password: Password(r.value("password")),
	}
	u.UserIDs, _ = splitUserIDs(r.value("userIds")) // checked by value
	return u, r.Err()
}

// Role decodes a row of roles.csv. The error is a [Fault].
func (r *Row) Role() (Role, error) {
	o := Role{
		Meta: r.meta(), User: r.value("userSourcedId"), Org: r.value("orgSourcedId"), Role: r.value("role"),
		Primary: r.value("roleType") == "primary",
	}
	return o, r.Err()
}

// Enrollment decodes a row of enrollments.csv. The error is a [Fault].
func (r *Row) Enrollment() (Enrollment, error) {
	e := Enrollment{
		Meta: r.meta(), Class: r.value("classSourcedId"), School: r.value("schoolSourcedId"), User: r.value("userSourcedId"),
		Role: r.value("role"), Primary: r.value("primary") == "true", Begin: r.value("beginDate"), End: r.value("endDate"),
	}
	return e, r.Err()
}

// Category decodes a row of categories.csv. The error is a [Fault].
func (r *Row) Category() (Category, error) {
	c := Category{Meta: r.meta(), Title: r.value("title")}
	return c, r.Err()
}

// LineItem decodes a row of lineItems.csv. The error is a [Fault].
func (r *Row) LineItem() (LineItem, error) {
	l := LineItem{
		Meta: r.meta(), Title: r.value("title"), Description: r.value("description"), Assigned: r.value("assignDate"), Due: r.value("dueDate"),
		Class: r.value("classSourcedId"), Category: r.value("categorySourcedId"), GradingPeriod: r.value("gradingPeriodSourcedId"),
	}
	l.Min, _ = r.float("resultValueMin")
	l.Max, _ = r.float("resultValueMax")
	return l, r.Err()
}

// Result decodes a row of results.csv. The error is a [Fault].
func (r *Row) Result() (Result, error) {
	o := Result{
		Meta: r.meta(), LineItem: r.value("lineItemSourcedId"), Student: r.value("studentSourcedId"),
		ScoreStatus: r.value("scoreStatus"), Date: r.value("scoreDate"), Comment: r.value("comment"),
	}
	o.Score, o.Scored = r.float("score")
	return o, r.Err()
}
