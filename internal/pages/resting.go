package pages

import (
	"github.com/trellis-learning/trellis/extensions"
)

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// restingWord says until when something of an extension is left alone, and why.
func restingWord(x *extensions.Resting) string {
	return "Left alone until " + x.Until.UTC().Format("15:04:05") + " UTC: failed " + many(x.Failures, "time", "times")
}

// restingText is the same as a sentence, with what went wrong.
func restingText(x *extensions.Resting) string {
	return restingWord(x) + " in a row at " + x.On + because(x.Reason)
}
