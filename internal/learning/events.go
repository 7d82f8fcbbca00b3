package learning

import (
	"time"

	"github.com/trellis-learning/trellis"
)

// CourseData is a course as payloads name one (Open edX's CourseData).
type CourseData struct {
	CourseKey   string     `json:"course_key" doc:"Key of the course run: course-v1:ORG+CODE+RUN."`
	DisplayName string     `json:"display_name,omitempty" doc:"Title of the course."`
	Start       *time.Time `json:"start,omitempty" doc:"When the course begins."`
	End         *time.Time `json:"end,omitempty" doc:"When the course ends."`
}

// UserPayload tells of one person.
type UserPayload struct {
	User trellis.User `json:"user" doc:"The person."`
}

// About implements [trellis.Payload].
func (p UserPayload) About() (person, course string) { return p.User.ID, "" }

// EnrollmentData is an enrolment as payloads name one (Open edX's
// CourseEnrollmentData).
type EnrollmentData struct {
	User         trellis.User  `json:"user" doc:"The person who is enrolled."`
	Course       CourseData    `json:"course" doc:"The course."`
	Mode         string        `json:"mode" doc:"Track of the enrolment: audit, verified and so on."`
	IsActive     bool          `json:"is_active" doc:"Whether the enrolment counts."`
	CreationDate time.Time     `json:"creation_date" doc:"When the person was first enrolled in the course."`
	CreatedBy    *trellis.User `json:"created_by,omitempty" doc:"Who enrolled the person, if it was another one."`
}

// EnrollmentPayload tells of an enrolment.
type EnrollmentPayload struct {
	Enrollment EnrollmentData `json:"enrollment" doc:"The enrolment."`
}

// About implements [trellis.Payload].
func (p EnrollmentPayload) About() (person, course string) {
	return p.Enrollment.User.ID, p.Enrollment.Course.CourseKey
}

// CoursePayload tells of a course.
type CoursePayload struct {
	Course CourseData `json:"course" doc:"The course."`
}

// About implements [trellis.Payload].
func (p CoursePayload) About() (person, course string) { return "", p.Course.CourseKey }

// ScheduleData says when a course runs (Open edX's CourseScheduleData).
type ScheduleData struct {
	Start           *time.Time `json:"start,omitempty" doc:"When the course begins."`
	Pacing          string     `json:"pacing" doc:"Whether an instructor or the learner sets the pace." enum:"instructor,self"`
	End             *time.Time `json:"end,omitempty" doc:"When the course ends."`
	EnrollmentStart *time.Time `json:"enrollment_start,omitempty" doc:"When enrolment opens."`
	EnrollmentEnd   *time.Time `json:"enrollment_end,omitempty" doc:"When enrolment closes."`
}

// CatalogData is what a catalogue shows of a course (Open edX's
// CourseCatalogData).
type CatalogData struct {
	CourseKey      string       `json:"course_key" doc:"Key of the course run."`
	Name           string       `json:"name" doc:"Title of the course."`
	ScheduleData   ScheduleData `json:"schedule_data" doc:"When it runs."`
	Hidden         bool         `json:"hidden" doc:"Whether the catalogue leaves it out."`
	InvitationOnly bool         `json:"invitation_only" doc:"Whether learners may not enrol themselves."`
}

// CatalogPayload tells of a course's place in the catalogue.
type CatalogPayload struct {
	CatalogInfo CatalogData `json:"catalog_info" doc:"What the catalogue shows."`
}

// About implements [trellis.Payload].
func (p CatalogPayload) About() (person, course string) { return "", p.CatalogInfo.CourseKey }

// GradeData is a course grade as payloads name one (Open edX's
// PersistentCourseGradeData).
type GradeData struct {
	UserID          int64      `json:"user_id" doc:"The person's number."`
	Person          string     `json:"person" doc:"The person's ID."`
	Course          CourseData `json:"course" doc:"The course."`
	EditedTimestamp time.Time  `json:"course_edited_timestamp" doc:"When the grade was set."`
	CourseVersion   string     `json:"course_version" doc:"Version of the course's content; empty where none is known."`
	GradingPolicy   string     `json:"grading_policy_hash" doc:"Hash of the grading policy; empty where none is known."`
	PercentGrade    float64    `json:"percent_grade" doc:"The grade, from 0 to 1."`
	LetterGrade     string     `json:"letter_grade" doc:"The grade as a letter, if there is one."`
	PassedTimestamp *time.Time `json:"passed_timestamp,omitempty" doc:"When the person first passed."`
}

// GradePayload tells of a course grade.
type GradePayload struct {
	Grade GradeData `json:"grade" doc:"The grade."`
}

// About implements [trellis.Payload].
func (p GradePayload) About() (person, course string) {
	return p.Grade.Person, p.Grade.Course.CourseKey
}

// PassingData says whether a person passes a course at present (Open edX's
// CoursePassingStatusData).
type PassingData struct {
	IsPassing bool         `json:"is_passing" doc:"Whether the grade suffices."`
	Course    CourseData   `json:"course" doc:"The course."`
	User      trellis.User `json:"user" doc:"The person."`
}

// PassingPayload tells that a person now passes a course, or no longer does.
type PassingPayload struct {
	Status PassingData `json:"course_passing_status" doc:"The status."`
}

// About implements [trellis.Payload].
func (p PassingPayload) About() (person, course string) {
	return p.Status.User.ID, p.Status.Course.CourseKey
}

// AccessRoleData is a role in a course or an organisation (Open edX's
// CourseAccessRoleData).
type AccessRoleData struct {
	User      trellis.User `json:"user" doc:"The person."`
	OrgKey    string       `json:"org_key" doc:"Key of the organisation."`
	CourseKey string       `json:"course_key" doc:"Key of the course; empty for a role in the whole organisation."`
	Role      string       `json:"role" doc:"Name of the role."`
}

// AccessRolePayload tells of a role in a course.
type AccessRolePayload struct {
	Role AccessRoleData `json:"course_access_role_data" doc:"The role."`
}

// About implements [trellis.Payload].
func (p AccessRolePayload) About() (person, course string) {
	return p.Role.User.ID, p.Role.CourseKey
}

// RoleAssignmentData is a role given or taken (Open edX's RoleAssignmentData).
type RoleAssignmentData struct {
	Operation string `json:"operation" doc:"What was done." enum:"created,deleted"`
	Subject   string `json:"subject" doc:"ID of the person."`
	Role      string `json:"role" doc:"Name of the role."`
	Scope     string `json:"scope" doc:"Where: a course key, an organisation's key, or * for the whole tenant."`
	ActorID   int64  `json:"actor_id,omitempty" doc:"Number of the person who did it, if it was a person."`
}

// RoleAssignmentPayload tells of a role given or taken.
type RoleAssignmentPayload struct {
	Assignment RoleAssignmentData `json:"role_assignment" doc:"The role."`
}

// About implements [trellis.Payload].
func (p RoleAssignmentPayload) About() (person, course string) {
	if trellis.OrganisationOf(p.Assignment.Scope) != "" {
		course = p.Assignment.Scope
	}
	return p.Assignment.Subject, course
}

// ItemGradePayload tells of the grade for one item of a course.
type ItemGradePayload struct {
	User     trellis.User `json:"user" doc:"The person."`
	Course   string       `json:"course_key" doc:"Key of the course."`
	Item     string       `json:"item" doc:"What was graded."`
	Earned   float64      `json:"earned" doc:"Points earned."`
	Possible float64      `json:"possible" doc:"Points possible."`
}

// About implements [trellis.Payload].
func (p ItemGradePayload) About() (person, course string) { return p.User.ID, p.Course }

// CompletionPayload tells how far a person is with one block of a course.
type CompletionPayload struct {
	User   trellis.User `json:"user" doc:"The person."`
	Course string       `json:"course_key" doc:"Key of the course."`
	Block  string       `json:"block" doc:"Which block."`
	Value  float64      `json:"completion" doc:"How much of it is done, from 0 to 1."`
}

// About implements [trellis.Payload].
func (p CompletionPayload) About() (person, course string) { return p.User.ID, p.Course }

// OrganisationPayload tells of an organisation.
type OrganisationPayload struct {
	Key   string `json:"key" doc:"The organisation's key."`
	Title string `json:"title" doc:"What it is called."`
}

// About implements [trellis.Payload].
func (p OrganisationPayload) About() (person, course string) { return "", "" }

// TenantPayload tells of a tenant.
type TenantPayload struct {
	Name   string `json:"name" doc:"The tenant's name."`
	Title  string `json:"title" doc:"What it is called."`
	Accent string `json:"accent,omitempty" doc:"Colour of its pages."`
	Logo   string `json:"logo,omitempty" doc:"Digest of its logo."`
}

// About implements [trellis.Payload].
func (p TenantPayload) About() (person, course string) { return "", "" }

// The events that the core emits. The names that begin with org.openedx are
// those of Open edX (openedx-events); the others are ours, where it has none.
var (
	RegistrationCompleted = trellis.DefineEvent[UserPayload]("org.openedx.learning.student.registration.completed.v1",
		"Somebody got an account.")
	LoginCompleted = trellis.DefineEvent[UserPayload]("org.openedx.learning.auth.session.login.completed.v1",
		"Somebody logged in.")
	PersonChanged = trellis.DefineEvent[UserPayload]("org.trellis.person.changed.v1",
		"A person's account changed: the name, the address, or whether it is active.")
	PersonErased = trellis.DefineEvent[UserPayload]("org.trellis.person.erased.v1",
		"A person was erased. Whoever keeps anything of the person's forgets it.")
	EnrollmentCreated = trellis.DefineEvent[EnrollmentPayload]("org.openedx.learning.course.enrollment.created.v1",
		"Somebody was enrolled in a course, for the first time or again.")
	EnrollmentChanged = trellis.DefineEvent[EnrollmentPayload]("org.openedx.learning.course.enrollment.changed.v1",
		"The mode of an enrolment changed.")
	UnenrollmentCompleted = trellis.DefineEvent[EnrollmentPayload]("org.openedx.learning.course.unenrollment.completed.v1",
		"Somebody left a course.")
	CourseCreated = trellis.DefineEvent[CoursePayload]("org.openedx.content_authoring.course.created.v1",
		"A course was made.")
	CatalogInfoChanged = trellis.DefineEvent[CatalogPayload]("org.openedx.content_authoring.course.catalog_info.changed.v1",
		"What the catalogue shows of a course changed.")
	GradeChanged = trellis.DefineEvent[GradePayload]("org.openedx.learning.course.persistent_grade_summary.changed.v1",
		"Somebody's grade in a course changed.")
	PassingChanged = trellis.DefineEvent[PassingPayload]("org.openedx.learning.course.passing.status.updated.v1",
		"Somebody now passes a course, or no longer does.")
	AccessRoleAdded = trellis.DefineEvent[AccessRolePayload]("org.openedx.learning.user.course_access_role.added.v1",
		"Somebody got a role in a course.")
	AccessRoleRemoved = trellis.DefineEvent[AccessRolePayload]("org.openedx.learning.user.course_access_role.removed.v1",
		"Somebody lost a role in a course.")
	RoleAssigned = trellis.DefineEvent[RoleAssignmentPayload]("org.openedx.authz.role_assignment.created",
		"Somebody got a role.")
	RoleRemoved = trellis.DefineEvent[RoleAssignmentPayload]("org.openedx.authz.role_assignment.deleted",
		"Somebody lost a role.")
	ItemGradeChanged = trellis.DefineEvent[ItemGradePayload]("org.trellis.grade.item.changed.v1",
		"Somebody's grade for one item of a course changed.")
	CompletionChanged = trellis.DefineEvent[CompletionPayload]("org.trellis.completion.changed.v1",
		"Somebody got further with a block of a course.")
	OrganisationChanged = trellis.DefineEvent[OrganisationPayload]("org.trellis.organisation.changed.v1",
		"An organisation was made or renamed.")
	TenantChanged = trellis.DefineEvent[TenantPayload]("org.trellis.tenant.changed.v1",
		"A tenant was made or changed.")
)

// Events returns every event type of the core.
func Events() []trellis.Spec {
	return []trellis.Spec{
		RegistrationCompleted.Spec(), LoginCompleted.Spec(), PersonChanged.Spec(), PersonErased.Spec(),
		EnrollmentCreated.Spec(), EnrollmentChanged.Spec(), UnenrollmentCompleted.Spec(),
		CourseCreated.Spec(), CatalogInfoChanged.Spec(), GradeChanged.Spec(), PassingChanged.Spec(),
		AccessRoleAdded.Spec(), AccessRoleRemoved.Spec(), RoleAssigned.Spec(), RoleRemoved.Spec(),
		ItemGradeChanged.Spec(), CompletionChanged.Spec(), OrganisationChanged.Spec(), TenantChanged.Spec(),
	}
}
