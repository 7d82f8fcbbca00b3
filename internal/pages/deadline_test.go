package pages_test

import (
	"net/http"
	"testing"

	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestDeadlines: whatever is sent to a page ends in time, so that nobody keeps a turn by
// sending slowly; but for a roster, which is as large as a school.
func TestDeadlines(t *testing.T) {
	for _, r := range testkit.Start(t, app.Config{}).Pages.Routes() {
		if want := r.Name == "pages.console.import.post"; r.Method == http.MethodPost && r.Stream != want {
			t.Errorf("%s %s goes on without a deadline: %t, want %t", r.Method, r.Path, r.Stream, want)
		}
	}
}
