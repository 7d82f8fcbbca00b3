package bundle_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

// TestGuesses: a name that there is not comes with the one that was probably meant,
// unless so many or such long ones would have to be compared that it would take long.
func TestGuesses(t *testing.T) {
	long := strings.Repeat("z", 60)
	for _, tt := range []struct {
		name, call, export string
		others             int
		want               string
	}{
		{"a letter is missing", "chek", "check", 0, `did you mean "check"?`},
		{"a long name", long + "chek", long + "check", 0, `did you mean "` + long + `check"?`},
		{"several hundred names", "chek", "check", 400, `did you mean "check"?`},
		{"nothing like it", "chek", "decide", 0, ""},
		{"nothing of that length", "chek", "check_the_enrolment", 0, ""},
		{"too long a name", long + "zzzzchek", long + "zzzzcheck", 0, ""},
		{"too many names", "chek", "check", 600, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := bundle.ReadManifest([]byte(`{"id":"acme.x","version":"1.0.0","abi":1,"title":"x","events":[{"on":"x.y.z","call":"` + tt.call + `"}]}`))
			must(t, err)
			exports := []string{tt.export}
			for i := range tt.others {
				exports = append(exports, fmt.Sprintf("other%d", i))
			}
			err = m.CheckAgainst(exports, bundle.Known{})
			kind(t, "check", err, trellis.Invalid, "has no export", tt.want)
			if err != nil && tt.want == "" && strings.Contains(err.Error(), "did you mean") {
				t.Errorf("it guesses: %v", err)
			}
		})
	}
}
