package hostapi

import (
	"embed"
	"io/fs"
)

//go:embed guest/guest.go guest/native.go guest/operations.go guest/ui.go guest/uidata.go guest/uiform.go guest/uihook.go guest/uijson.go guest/wasm.go guest/c/trellis.h guest/c/trellis_ui.h
var guestSource embed.FS

// GuestSource returns the guest libraries as they are copied into projects:
// guest/*.go, without its tests, and guest/c/*.h.
func GuestSource() fs.FS { return guestSource }
