package learning

import "github.com/trellis-learning/trellis"

// RegistrationForm is what a person who registers has filled in. The password
// is never part of it.
type RegistrationForm struct {
	Username string `json:"username" pii:"username" doc:"The name to log in with."`
	Email    string `json:"email" pii:"email" doc:"The address, which may be empty."`
	Name     string `json:"name" pii:"name" doc:"The full name."`
}

// RegistrationQuestion asks whether somebody may register.
type RegistrationQuestion struct {
	Form RegistrationForm `json:"form_data" doc:"What was filled in, without the password. Steps may change it."`
}

// About implements [trellis.Payload].
func (q RegistrationQuestion) About() (person, course string) { return "", "" }

// LoginQuestion asks whether somebody whose password was right may log in.
type LoginQuestion struct {
	User trellis.User `json:"user" doc:"The person."`
}

// About implements [trellis.Payload].
func (q LoginQuestion) About() (person, course string) { return q.User.ID, "" }

// EnrollmentQuestion asks whether somebody may be enrolled.
type EnrollmentQuestion struct {
	User      trellis.User `json:"user" doc:"The person to enrol."`
	CourseKey string       `json:"course_key" doc:"Key of the course."`
	Mode      string       `json:"mode" doc:"Track of the enrolment. Steps may change it."`
}

// About implements [trellis.Payload].
func (q EnrollmentQuestion) About() (person, course string) { return q.User.ID, q.CourseKey }

// UnenrollmentQuestion asks whether somebody may leave a course.
type UnenrollmentQuestion struct {
	Enrollment EnrollmentData `json:"enrollment" doc:"The enrolment that would end."`
}

// About implements [trellis.Payload].
func (q UnenrollmentQuestion) About() (person, course string) {
	return q.Enrollment.User.ID, q.Enrollment.Course.CourseKey
}

// The filters that the core asks, under the names of openedx-filters.
var (
	RegistrationRequested = trellis.DefineFilter[RegistrationQuestion]("org.openedx.learning.student.registration.requested.v1",
		"Asked before somebody gets an account.",
		trellis.Outcome{Name: "PreventRegistration", Doc: "No account is made."})
	LoginRequested = trellis.DefineFilter[LoginQuestion]("org.openedx.learning.student.login.requested.v1",
		"Asked before somebody whose password was right is logged in.",
		trellis.Outcome{Name: "PreventLogin", Doc: "The person is not logged in, and may be sent to another page.", Effect: trellis.EffectRedirect})
	EnrollmentStarted = trellis.DefineFilter[EnrollmentQuestion]("org.openedx.learning.course.enrollment.started.v1",
		"Asked before somebody is enrolled in a course, and before the mode of an enrolment changes.",
		trellis.Outcome{Name: "PreventEnrollment", Doc: "Nothing changes."})
	UnenrollmentStarted = trellis.DefineFilter[UnenrollmentQuestion]("org.openedx.learning.course.unenrollment.started.v1",
		"Asked before somebody leaves a course.",
		trellis.Outcome{Name: "PreventUnenrollment", Doc: "The person stays enrolled."})
)

// Filters returns every filter that the core asks.
func Filters() []trellis.Spec {
	return []trellis.Spec{
		RegistrationRequested.Spec(), LoginRequested.Spec(), EnrollmentStarted.Spec(), UnenrollmentStarted.Spec(),
	}
}
