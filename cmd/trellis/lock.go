package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/trellis-learning/trellis"
)

// lock takes a data directory for this process, until the process ends or release
// is called. Two servers with a NATS of their own in one directory would write over
// each other's files.
func lock(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, advise(err, "say another directory: dir in the configuration, TRELLIS_DIR, or -data for the demo")
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		raw, _ := os.ReadFile(path) // for the message alone
		_ = f.Close()
		who := "another process"
		if pid, err := strconv.Atoi(strings.TrimSpace(string(raw))); err == nil {
			who = "process " + strconv.Itoa(pid)
		}
		return nil, advise(trellis.Errorf(trellis.Conflict, "%s already runs a Trellis in %s", who, dir), "stop it first, or say another directory")
	}
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0) // for the message alone
	}
	return func() { _ = f.Close() }, nil
}
