package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	goruntime "runtime"
	"strings"
	"testing"
)

// commands returns the commands of a text: the lines of its indented blocks.
func commands(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if c, ok := strings.CutPrefix(line, "    "); ok {
			out = append(out, strings.TrimSpace(c))
		}
	}
	return out
}

// TestREADME types every command that the README tells of, in its order, as a
// stranger would: those whose comment says so are refused, and all others work.
func TestREADME(t *testing.T) {
	if goruntime.GOOS == "windows" {
		t.Skip("the README's commands are those of a Unix shell")
	}
	raw, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	s := newShell(t, "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	program := fmt.Sprintf("#!/bin/sh\nexec %s \"$@\"\n", os.Args[0])
	if abs, err := filepath.Abs(os.Args[0]); err == nil {
		program = fmt.Sprintf("#!/bin/sh\nexec %s \"$@\"\n", abs)
	}
	for name, text := range map[string]string{"trellis": program, "trellis.toml": "dir = \"server\"\nlisten = \"127.0.0.1:0\"\n"} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const sourced = "set -a; . .trellis/demo.env; set +a"
	prefix, tried, refused := "", 0, 0
	for _, line := range commands(string(raw)) {
		command, comment, _ := strings.Cut(line, "#")
		command = strings.TrimSpace(command)
		tried++
		switch {
		case command == "go run ./cmd/trellis demo":
			s.start("demo", "-listen", "127.0.0.1:0").until("Stop with Ctrl-C")
			continue
		case strings.HasPrefix(command, "go build "):
			continue // the test binary is the program
		case command == sourced:
			prefix = sourced + "; "
			continue
		case strings.HasSuffix(command, "events -follow"):
			tryFollow(t, s, prefix)
			continue
		case strings.Contains(command, "trellis serve "):
			p := s.start(strings.Fields(command)[1:]...)
			p.until("Trellis serves at")
			if status := p.stop(); status != 0 || strings.Contains(p.said(), "Nobody runs this server") {
				t.Errorf("%s: status %d\n%s", command, status, p.said())
			}
			continue
		}
		cmd := s.command("sh", "-c", prefix+command)
		cmd.Stdin = strings.NewReader("correct horse\n")
		r := s.wait(cmd)
		want := 0
		if strings.Contains(comment, "refused") {
			want = 1
			refused++
		}
		if r.status != want || want == 1 && !strings.Contains(r.errs, "refused: ") {
			t.Fatalf("%s: status %d, want %d\n%s%s", line, r.status, want, r.out, r.errs)
		}
	}
	if tried < 15 || refused < 2 {
		t.Errorf("only %d commands were found, %d of them refused", tried, refused)
	}
	r := s.wait(s.command("sh", "-c", prefix+"./trellis enroll staff $TRELLIS_COURSE"))
	if r.status != 0 {
		t.Errorf("after the extension was switched off: %s%s", r.out, r.errs)
	}
}

// tryFollow follows events while one happens.
func tryFollow(t *testing.T, s *shell, prefix string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, ".trellis", "demo.env"))
	if err != nil {
		t.Fatal(err)
	}
	p := s.with(strings.Fields(string(raw))...).start("events", "-follow")
	p.until("Following what happens")
	r := s.wait(s.command("sh", "-c", prefix+"./trellis unenroll learner $TRELLIS_COURSE && ./trellis enroll learner $TRELLIS_COURSE"))
	if r.status != 0 {
		t.Fatalf("%s%s", r.out, r.errs)
	}
	p.until("enrollment.created.v1")
	if status := p.stop(); status != 0 {
		t.Errorf("events -follow ended with status %d", status)
	}
}

// TestNextSteps: each command that the program tells people to type is one that
// there is.
func TestNextSteps(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, path := range paths(t) {
		known[path] = true
	}
	mention := regexp.MustCompile("trellis ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)")
	checked := 0
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			if strings.HasSuffix(name, "_test.go") || !strings.Contains(line, "Next: trellis") && !strings.Contains(line, `advise(`) && !strings.Contains(line, "\ttrellis ") {
				continue
			}
			for _, m := range mention.FindAllStringSubmatch(line, -1) {
				one, _, _ := strings.Cut(m[1], " ")
				if checked++; !known[m[1]] && !known[one] {
					t.Errorf("%s: there is no command trellis %s", name, m[1])
				}
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d mentions were found", checked)
	}
}
