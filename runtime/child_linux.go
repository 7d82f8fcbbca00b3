package runtime

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// checksModes says that the permission bits of a directory mean something here.
const checksModes = true

// childDeadline is how long a child may take. What a hostile module costs is limited
// by its processor time; a busy machine may take long to give it that.
const childDeadline = 5 * time.Minute

// childNice is how far a child stands back behind the server that started it.
const childNice = 10

// cpuGrace is what a child has left, when its processor time is over, to say so.
const cpuGrace = 2 // seconds

// limitChild limits this process. RLIMIT_AS would end any Go program, which
// reserves more addresses than it uses; RLIMIT_DATA counts what is writable. When
// the processor time is over spent is called, which should end the process; if it
// does not, the kernel does, a little later.
func limitChild(memory, cpuSeconds uint64, spent func()) error {
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, childNice) // others wait meanwhile, in pages
	if memory > 0 {
		if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: memory, Max: memory}); err != nil {
			return fmt.Errorf("limit memory to %d: %w", memory, err)
		}
	}
	if cpuSeconds == 0 {
		return nil
	}
	over := make(chan os.Signal, 1)
	signal.Notify(over, syscall.SIGXCPU)
	go func() { <-over; spent() }()
	if err := syscall.Setrlimit(syscall.RLIMIT_CPU, &syscall.Rlimit{Cur: cpuSeconds, Max: cpuSeconds + cpuGrace}); err != nil {
		return fmt.Errorf("limit processor time to %d: %w", cpuSeconds, err)
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
