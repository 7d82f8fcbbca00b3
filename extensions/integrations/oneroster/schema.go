package oneroster

import "slices"

// kind is the type of a column's values.
type kind uint8

const (
	text    kind = iota
	guid         // a sourcedId, of this row or of another
	guids        // a list of them, separated by commas
	list         // a list of texts
	day          // ISO 8601, YYYY-MM-DD
	instant      // ISO 8601 with time and zone
	boolean
	number
	year
	token // one of an enumeration
	email
	userIDs // {Type:Identifier},…
	secret
)

// need says where a column must have a value.
type need uint8

const (
	optional  need = iota
	inDelta        // in a delta file; a bulk file leaves it empty
	mandatory      // everywhere
	useful         // the specification demands it, but we can do without: a warning
)

type column struct {
	name  string
	kind  kind
	need  need
	enum  []string
	since string // V12 for what 1.1 does not know
}

// identifies reports whether a row needs the column even to remove something: a
// class or a person is known by sourcedId, an enrolment by whom and where.
func (c column) identifies() bool {
	return c.name == "sourcedId" || c.name == "userSourcedId" || c.name == "classSourcedId"
}

// table is one of the files of the specification.
type table struct {
	name    string
	columns []column
	since   string // V12 for what 1.1 does not know
}

// in returns the columns of the table in a version, in the order of its header.
func (t table) in(version string) []column {
	var in []column
	for _, c := range t.columns {
		if c.since != V12 || version == V12 {
			in = append(in, c)
		}
	}
	if t.name == "users" && version == V12 { // 1.2 moved these to roles.csv
		in = slices.DeleteFunc(in, func(c column) bool { return c.name == "orgSourcedIds" || c.name == "role" })
	}
	return in
}

// row returns the columns that every file begins with, and then those given.
func row(columns ...column) []column {
	return append([]column{
		{name: "sourcedId", kind: guid, need: mandatory},
		{name: "status", kind: token, need: inDelta, enum: []string{"active", "inactive", "tobedeleted"}},
		{name: "dateLastModified", kind: instant, need: inDelta},
	}, columns...)
}

// roles of a person in an organisation; those after relative are of 1.2.
func personRoles() []string {
	return []string{
		"administrator", "aide", "guardian", "parent", "proctor", "relative", "student", "teacher",
		"counselor", "districtAdministrator", "principal", "siteAdministrator", "systemAdministrator",
	}
}

// tables returns every file of the specification in the order in which they are
// processed: what is referred to comes before what refers to it.
func tables() []table {
	return []table{
		{name: "orgs", columns: row(
			column{name: "name", need: mandatory},
			column{name: "type", kind: token, need: mandatory, enum: []string{"department", "school", "district", "local", "state", "national"}},
			column{name: "identifier"},
			column{name: "parentSourcedId", kind: guid},
		)},
		{name: "academicSessions", columns: row(
			column{name: "title", need: mandatory},
			column{name: "type", kind: token, need: mandatory, enum: []string{"gradingPeriod", "semester", "schoolYear", "term"}},
			column{name: "startDate", kind: day, need: mandatory},
			column{name: "endDate", kind: day, need: mandatory},
			column{name: "parentSourcedId", kind: guid},
			column{name: "schoolYear", kind: year, need: mandatory},
		)},
		{name: "courses", columns: row(
			column{name: "schoolYearSourcedId", kind: guid},
			column{name: "title", need: mandatory},
			column{name: "courseCode"},
			column{name: "grades", kind: list},
			column{name: "orgSourcedId", kind: guid, need: mandatory},
			column{name: "subjects", kind: list},
			column{name: "subjectCodes", kind: list},
		)},
		{name: "classes", columns: row(
			column{name: "title", need: mandatory},
			column{name: "grades", kind: list},
			column{name: "courseSourcedId", kind: guid, need: useful},
			column{name: "classCode"},
			column{name: "classType", kind: token, need: useful, enum: []string{"homeroom", "scheduled"}},
			column{name: "location"},
			column{name: "schoolSourcedId", kind: guid, need: mandatory},
			column{name: "termSourcedIds", kind: guids, need: useful},
			column{name: "subjects", kind: list},
			column{name: "subjectCodes", kind: list},
			column{name: "periods", kind: list},
		)},
		{name: "users", columns: row(
			column{name: "enabledUser", kind: boolean, need: mandatory},
			column{name: "orgSourcedIds", kind: guids, need: useful},
			column{name: "role", kind: token, need: mandatory, enum: personRoles()[:8]},
			column{name: "username", need: useful},
			column{name: "userIds", kind: userIDs},
			column{name: "givenName", need: mandatory},
			column{name: "familyName", need: mandatory},
			column{name: "middleName"},
			column{name: "identifier"},
			column{name: "email", kind: email},
			column{name: "sms"},
			column{name: "phone"},
			column{name: "agentSourcedIds", kind: guids},
			column{name: "grades", kind: list},
			column{name: "password", kind: secret},
			column{name: "userMasterIdentifier", since: V12},
			column{name: "preferredGivenName", since: V12},
			column{name: "preferredMiddleName", since: V12},
			column{name: "preferredFamilyName", since: V12},
			column{name: "primaryOrgSourcedId", kind: guid, since: V12},
			column{name: "pronouns", since: V12},
		)},
		{name: "roles", since: V12, columns: row(
			column{name: "userSourcedId", kind: guid, need: mandatory},
			column{name: "roleType", kind: token, need: mandatory, enum: []string{"primary", "secondary"}},
			column{name: "role", kind: token, need: mandatory, enum: personRoles()},
			column{name: "beginDate", kind: day},
			column{name: "endDate", kind: day},
			column{name: "orgSourcedId", kind: guid, need: mandatory},
			column{name: "userProfileSourcedId", kind: guid},
		)},
		{name: "userProfiles", since: V12, columns: row(
			column{name: "userSourcedId", kind: guid, need: mandatory},
			column{name: "profileType", need: mandatory},
			column{name: "vendorId", need: mandatory},
			column{name: "applicationId"},
			column{name: "description"},
			column{name: "credentialType", need: mandatory},
			column{name: "username", need: mandatory},
			column{name: "password", kind: secret},
		)},
		{name: "demographics", columns: row(
			column{name: "birthDate", kind: day},
			column{name: "sex", kind: token, enum: []string{"female", "male", "other", "unspecified"}},
			column{name: "americanIndianOrAlaskaNative", kind: boolean},
			column{name: "asian", kind: boolean},
			column{name: "blackOrAfricanAmerican", kind: boolean},
			column{name: "nativeHawaiianOrOtherPacificIslander", kind: boolean},
			column{name: "white", kind: boolean},
			column{name: "demographicRaceTwoOrMoreRaces", kind: boolean},
			column{name: "hispanicOrLatinoEthnicity", kind: boolean},
			column{name: "countryOfBirthCode"},
			column{name: "stateOfBirthAbbreviation"},
			column{name: "cityOfBirth"},
			column{name: "publicSchoolResidenceStatus"},
		)},
		{name: "enrollments", columns: row(
			column{name: "classSourcedId", kind: guid, need: mandatory},
			column{name: "schoolSourcedId", kind: guid, need: useful},
			column{name: "userSourcedId", kind: guid, need: mandatory},
			column{name: "role", kind: token, need: mandatory, enum: []string{"administrator", "proctor", "student", "teacher"}},
			column{name: "primary", kind: boolean},
			column{name: "beginDate", kind: day},
			column{name: "endDate", kind: day},
		)},
		{name: "categories", columns: row(
			column{name: "title", need: mandatory},
			column{name: "weight", kind: number, since: V12},
		)},
		{name: "lineItems", columns: row(
			column{name: "title", need: mandatory},
			column{name: "description"},
			column{name: "assignDate", kind: day, need: useful},
			column{name: "dueDate", kind: day, need: useful},
			column{name: "classSourcedId", kind: guid, need: mandatory},
			column{name: "categorySourcedId", kind: guid, need: useful},
			column{name: "gradingPeriodSourcedId", kind: guid, need: useful},
			column{name: "resultValueMin", kind: number},
			column{name: "resultValueMax", kind: number},
			column{name: "schoolSourcedId", kind: guid, since: V12},
		)},
		{name: "results", columns: row(
			column{name: "lineItemSourcedId", kind: guid, need: mandatory},
			column{name: "studentSourcedId", kind: guid, need: mandatory},
			column{name: "scoreStatus", kind: token, need: mandatory, enum: []string{
				"exempt", "fully graded", "not submitted", "partially graded", "submitted"}},
			column{name: "score", kind: number},
			column{name: "scoreDate", kind: day, need: mandatory},
			column{name: "comment"},
			column{name: "classSourcedId", kind: guid, since: V12},
			column{name: "inProgress", kind: boolean, since: V12},
			column{name: "incomplete", kind: boolean, since: V12},
			column{name: "late", kind: boolean, since: V12},
			column{name: "missing", kind: boolean, since: V12},
			column{name: "textScore", since: V12},
		)},
		// Of the rest nothing is kept or consulted, so their columns are not checked.
		{name: "resources"}, {name: "courseResources"}, {name: "classResources"}, {name: "userResources", since: V12},
		{name: "scoreScales", since: V12},
		{name: "lineItemLearningObjectiveIds", since: V12}, {name: "lineItemScoreScales", since: V12},
		{name: "resultLearningObjectiveIds", since: V12}, {name: "resultScoreScales", since: V12},
	}
}

// tableOf returns the table called name; one without columns if there is none.
func tableOf(name string) table {
	for _, t := range tables() {
		if t.name == name {
			return t
		}
	}
	return table{name: name}
}
