//go:build unix

package app_test

import (
	"os"
	"syscall"
)

// kill ends this process as kill -9 does.
func kill() error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) }
