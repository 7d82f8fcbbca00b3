package frame_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/trellis-learning/trellis/internal/pages/frame"
)

// TestAgo: a time in a list is read at a glance.
func TestAgo(t *testing.T) {
	now := time.Date(2026, 5, 3, 14, 2, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		ago  time.Duration
		want string
	}{
		{"now", 0, "just now"},
		{"a clock that differs", -2 * time.Second, "in a moment"},
		{"seconds", 50 * time.Second, "1 minute ago"},
		{"minutes", 14*time.Minute + 20*time.Second, "14 minutes ago"},
		{"hours", 3 * time.Hour, "3 hours ago"},
		{"a day", 40 * time.Hour, "2 days ago"},
		{"ahead", -5 * time.Minute, "in 5 minutes"},
		{"long ago", 30 * 24 * time.Hour, "3 Apr 2026"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := frame.Ago(now.Add(-tt.ago), now); got != tt.want {
				t.Errorf("%s: %q, want %q", tt.ago, got, tt.want)
			}
		})
	}
}

// TestShort: a line of a list says how a long text begins.
func TestShort(t *testing.T) {
	for in, want := range map[string]string{
		"short": "short",
		"":      "",
		"hook check:\n  trapped: unreachable in the function that checks": "hook check: trapped:…",
		strings.Repeat("é", 30): strings.Repeat("é", 21) + "…",
	} {
		got := frame.Short(in, 22)
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if utf8.RuneCountInString(got) > 22 {
			t.Errorf("%q has more than 22 characters", got)
		}
	}
}
