package hostapi

import (
	"embed"
	"io/fs"
)

//go:embed guest/*.go guest/c/trellis.h
var guestSource embed.FS

// GuestSource returns the guest libraries as they are copied into projects:
// guest/*.go and guest/c/trellis.h.
func GuestSource() fs.FS { return guestSource }
