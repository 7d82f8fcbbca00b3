package extensions

import "github.com/trellis-learning/trellis"

// LifePayload tells what became of an extension.
type LifePayload struct {
	Extension    string `json:"extension" doc:"ID of the extension."`
	Installation string `json:"installation" doc:"ID of the installation."`
	Version      string `json:"version" doc:"Version that it concerns."`
	Course       string `json:"course,omitempty" doc:"Key of the course; absent for the whole tenant."`
	Reason       string `json:"reason,omitempty" doc:"Why, where there is a reason to tell."`
}

// About implements [trellis.Payload].
func (p LifePayload) About() (person, course string) { return "", p.Course }

// The events in the life of an extension.
var (
	Installed = trellis.DefineEvent[LifePayload]("org.trellis.extension.installed.v1",
		"An extension was installed, or a version of it that takes effect.")
	ConsentAsked = trellis.DefineEvent[LifePayload]("org.trellis.extension.consent.asked.v1",
		"A version of an extension waits, because it asks for more than the one before.")
	Enabled = trellis.DefineEvent[LifePayload]("org.trellis.extension.enabled.v1",
		"An extension was switched on, or its settings or grants changed.")
	ApprovalAsked = trellis.DefineEvent[LifePayload]("org.trellis.extension.approval.asked.v1",
		"Course staff want an extension that those who run the tenant must approve.")
	Disabled = trellis.DefineEvent[LifePayload]("org.trellis.extension.disabled.v1",
		"An extension was switched off.")
	RolledBack = trellis.DefineEvent[LifePayload]("org.trellis.extension.rolled_back.v1",
		"The version before was brought back.")
	Uninstalled = trellis.DefineEvent[LifePayload]("org.trellis.extension.uninstalled.v1",
		"An extension was removed, with all that it kept.")
	Suspended = trellis.DefineEvent[LifePayload]("org.trellis.extension.suspended.v1",
		"An extension was switched off by itself, because it failed again and again.")
)

// Events returns every event type of this package.
func Events() []trellis.Spec {
	return []trellis.Spec{Installed.Spec(), ConsentAsked.Spec(), Enabled.Spec(), ApprovalAsked.Spec(), Disabled.Spec(),
		RolledBack.Spec(), Uninstalled.Spec(), Suspended.Spec()}
}
