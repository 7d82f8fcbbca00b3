package courses

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

// standing is how somebody stands to a course, as a card or the page of the course
// shows it.
type standing struct {
	Course  learning.Course
	Number  int            // among the cards of a page, for ids
	In      bool           // whether she is enrolled
	Mode    string         // of her enrolment
	Teaches bool           // whether she may enrol others, so that the course's rules do not bind her
	State   string         // of the badge
	Word    string         // what the badge says
	Button  string         // what leads into the course
	Door    string         // why it cannot be joined; "" if it can
	Modes   []mode         // in which it can be joined
	Refusal *frame.Refusal // why it was not joined or left just now
}

// mode is a track of a course.
type mode struct {
	Name, Label string
	Usual       bool
}

// stand says how somebody stands to a course now.
func stand(c learning.Course, e learning.Enrollment, teaches, member bool, seats learning.Seats, now time.Time) standing {
	s := standing{Course: c, In: e.Active, Mode: e.Mode, Teaches: teaches, State: "ok", Word: "On now", Button: "Continue"}
	switch {
	case c.Start != nil && now.Before(*c.Start):
		s.State, s.Word, s.Button = "info", "Starts "+frame.OnDay(*c.Start), "Look ahead"
	case c.End != nil && now.After(*c.End):
		s.State, s.Word, s.Button = "off", "Ended "+frame.OnDay(*c.End), "Look back"
	}
	if s.In {
		return s
	}
	modes := c.OpenModes
	if teaches && len(modes) == 0 {
		modes = []string{learning.DefaultMode}
	}
	for _, m := range modes {
		s.Modes = append(s.Modes, mode{m, frame.Track(m), m == learning.DefaultMode})
	}
	s.Door = door(c, teaches, member, seats, now)
	return s
}

// door says why somebody cannot join a course; "" if she can.
func door(c learning.Course, teaches, member bool, seats learning.Seats, now time.Time) string {
	ended := c.End != nil && now.After(*c.End)
	switch {
	case !member:
		return "You look in from outside: your account is not this school's, so there is nothing to join."
	case c.Seats > 0 && seats.Taken >= c.Seats:
		return full(c.Seats)
	case teaches:
		return ""
	case c.InvitationOnly:
		return "By invitation only. Ask those who teach it."
	case ended && c.EnrollmentEnd == nil:
		return "Nobody joins it any more."
	case c.EnrollmentStart != nil && now.Before(*c.EnrollmentStart):
		return "Enrolment opens on " + moment(*c.EnrollmentStart) + "."
	case c.EnrollmentEnd != nil && now.After(*c.EnrollmentEnd):
		return "Enrolment closed on " + moment(*c.EnrollmentEnd) + "."
	case len(c.OpenModes) == 0:
		return "Nobody joins it on their own. Ask those who teach it."
	}
	return ""
}

// inOrder sorts courses as somebody looks for them: what is on, what comes, what
// is over; each by its title.
func inOrder(list []standing) {
	rank := map[string]int{"ok": 0, "info": 1, "off": 2}
	slices.SortStableFunc(list, func(a, b standing) int {
		if d := rank[a.State] - rank[b.State]; d != 0 {
			return d
		}
		return strings.Compare(strings.ToLower(a.Course.Title), strings.ToLower(b.Course.Title))
	})
}

// full says that a course has no seat left.
func full(seats int) string {
	if seats == 1 {
		return "Its one seat is taken. It becomes free when somebody leaves."
	}
	return "All " + counted(seats, "seat", "seats") + " are taken. One becomes free when somebody leaves."
}

// moment is a point in time as pages show it within a sentence.
func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04") + " UTC" }

// counted is a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
