//go:build !unix

package app_test

import "os"

// kill ends this process at once.
func kill() error { os.Exit(137); return nil }
