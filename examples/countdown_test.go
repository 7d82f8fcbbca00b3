package examples_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// TestCountdownInAPage: the card in Rust shows a learner how many days are left, and
// nothing where nobody has said until when.
func TestCountdownInAPage(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED the countdown in a page: -short")
	}
	const side = "course.sidebar.v1"
	raw, err := os.ReadFile("countdown-rust/extension.json")
	if err != nil {
		t.Fatal(err)
	}
	bundle := testkit.Bundle(t, manifestOf(t, raw), wasm.Countdown)
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	for _, tt := range []struct {
		name     string
		settings map[string]any
		want     []string // one of them: midnight may pass
	}{
		{"no day", nil, []string{""}},
		{"twelve days", map[string]any{"day": day(12), "from": day(-8)}, []string{"<strong>12 days</strong> until the exam.", "<strong>11 days</strong> until the exam."}},
		{"over", map[string]any{"day": day(-2)}, []string{""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPages(t)
			p.Install(t, p.ctx, bundle, "", tt.settings)
			got, ok := p.sees(p.someone(t, "lena"), side), false
			for _, want := range tt.want {
				ok = ok || want == "" && !strings.Contains(got, "until") || want != "" && strings.Contains(got, want)
			}
			if !ok || strings.Contains(got, "slot-trouble") || strings.Contains(got, "<progress") != (len(tt.settings) == 2) {
				t.Errorf("a learner sees %s, want %s", got, fmt.Sprint(tt.want))
			}
		})
	}
}
