package runtime

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// checksModes says that the permission bits of a directory mean something here.
const checksModes = true

// limitChild limits this process. RLIMIT_AS would end any Go program, which
// reserves more addresses than it uses; RLIMIT_DATA counts what is writable. The
// soft limit of processor time is the hard one, because Go ignores the signal
// that the soft one sends.
func limitChild(memory, cpuSeconds uint64) error {
	for _, l := range []struct {
		name     string
		resource int
		value    uint64
	}{
		{"memory", syscall.RLIMIT_DATA, memory},
		{"processor time", syscall.RLIMIT_CPU, cpuSeconds},
	} {
		if l.value == 0 {
			continue
		}
		if err := syscall.Setrlimit(l.resource, &syscall.Rlimit{Cur: l.value, Max: l.value}); err != nil {
			return fmt.Errorf("limit %s to %d: %w", l.name, l.value, err)
		}
	}
	return nil
}

// alone puts the child into a process group of its own, which is killed as a
// whole.
func alone(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

func killed(state *os.ProcessState) bool {
	ws, ok := state.Sys().(syscall.WaitStatus)
	return ok && ws.Signaled() && (ws.Signal() == syscall.SIGKILL || ws.Signal() == syscall.SIGXCPU)
}

func ownedByUs(st fs.FileInfo) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(sys.Uid) == os.Geteuid()
}
