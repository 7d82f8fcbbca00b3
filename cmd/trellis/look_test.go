package main

import (
	"testing"

	"github.com/trellis-learning/trellis/extensions/plugins"
)

// TestToBlame: the next step after a trace is the log of who failed in it.
func TestToBlame(t *testing.T) {
	for _, tt := range []struct {
		name     string
		outcomes []string // of a, b and c
		want     string
	}{
		{"all went well", []string{"passed", "changed"}, "a"},
		{"one failed", []string{"passed", "failed"}, "b"},
		{"one refused", []string{"changed", "refused"}, "b"},
		{"one refused and one failed later", []string{"passed", "refused", "failed"}, "c"},
		{"two failed", []string{"passed", "failed", "failed"}, "b"},
	} {
		var steps []plugins.Step
		for i, o := range tt.outcomes {
			steps = append(steps, plugins.Step{Extension: string(rune('a' + i)), Outcome: o})
		}
		if got := toBlame(steps); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
