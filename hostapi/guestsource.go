package hostapi

import (
	"embed"
	"io/fs"
)

//go:embed guest/guest.go guest/native.go guest/operations.go guest/ui.go guest/uidata.go guest/uiform.go guest/uihook.go guest/uijson.go guest/wasm.go guest/c/*.h
//go:embed guest/cpp/*.hpp guest/rust/Cargo.toml guest/rust/src/*.rs guest/assemblyscript/assembly/*.ts
var guestSource embed.FS

// GuestSource returns the guest libraries as they are copied into projects:
// guest/*.go, without its tests, guest/c/*.h, guest/cpp/*.hpp, the crate guest/rust
// and guest/assemblyscript/assembly/*.ts.
func GuestSource() fs.FS { return guestSource }
