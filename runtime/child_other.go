//go:build !linux

package runtime

import (
	"io/fs"
	"os"
	"os/exec"
	goruntime "runtime"
	"time"
)

// checksModes says that the permission bits of a directory mean something here.
const checksModes = goruntime.GOOS != "windows"

// childDeadline is how long a child may take.
const childDeadline = time.Minute

// limitChild does nothing here: the parent's deadline is the only limit.
func limitChild(memory, cpuSeconds uint64, spent func()) error { return nil }

func alone(*exec.Cmd) {}

func killed(*os.ProcessState) bool { return false }

// ownedByUs cannot be told without the system's own calls; the mode must do.
func ownedByUs(fs.FileInfo) bool { return true }
