package frame

import (
	"github.com/trellis-learning/trellis/extensions"
)

// Because is a reason as the end of a sentence, "" for none.
func Because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// RestingWord says until when something of an extension is left alone, and why.
func RestingWord(x *extensions.Resting) string {
	return "Left alone until " + x.Until.UTC().Format("15:04:05") + " UTC: failed " + Many(x.Failures, "time", "times")
}

// RestingReason is the same below a badge that says that it is left alone.
func RestingReason(x *extensions.Resting) string {
	return "Until " + x.Until.UTC().Format("15:04") + " UTC: failed " + Many(x.Failures, "time", "times") + " in a row at " + x.On + Because(x.Reason)
}

// RestingText is the same as a sentence, with what went wrong.
func RestingText(x *extensions.Resting) string {
	return RestingWord(x) + " in a row at " + x.On + Because(x.Reason)
}
