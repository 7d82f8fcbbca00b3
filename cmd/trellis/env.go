package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"
	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// env is what every command is given.
type env struct {
	ctx     context.Context
	in      io.Reader
	out     io.Writer // results, and nothing else
	errs    io.Writer // everything else
	json    bool
	printed bool // whether the JSON document is out
	log     *slog.Logger
}

func newEnv(ctx context.Context, in io.Reader, out, errs io.Writer) *env {
	e := &env{ctx: ctx, in: in, out: out, errs: errs}
	e.logs(false)
	return e
}

func (e *env) logs(verbose bool) {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	e.log = slog.New(slog.NewTextHandler(e.errs, &slog.HandlerOptions{Level: level}))
}

// print writes the one JSON document.
func (e *env) print(v any) {
	enc := json.NewEncoder(e.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // what cannot be written to standard output can be told nobody
	e.printed = true
}

// show prints v as JSON if that was asked for, and otherwise lets text write it
// for people.
func (e *env) show(v any, text func(w io.Writer)) {
	if e.json {
		e.print(v)
		return
	}
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	text(w)
	_ = w.Flush() // as in print
}

// done says that something was done which has no result: in JSON what it was
// about, for people a sentence.
func (e *env) done(v any, format string, args ...any) {
	e.show(v, func(w io.Writer) { fmt.Fprintf(w, format+"\n", args...) })
}

// note tells people something beside the result.
func (e *env) note(format string, args ...any) { fmt.Fprintf(e.errs, format+"\n", args...) }

// misunderstood says what is wrong with a command line.
func (e *env) misunderstood(parser *kong.Kong, err error) int {
	command := "trellis"
	if p := (*kong.ParseError)(nil); errors.As(err, &p) {
		if path := p.Context.Command(); path != "" {
			command += " " + strings.TrimSpace(strings.Split(path, "<")[0])
		}
		if f := (*fs.PathError)(nil); errors.As(err, &f) && errors.Is(f, fs.ErrNotExist) {
			flag, _, _ := strings.Cut(err.Error(), ":")
			err = missing(f, flag, strings.TrimPrefix(command, "trellis "))
			e.complain(err, advice(err, called{}))
			return statusUsage
		}
		if strings.HasPrefix(err.Error(), "expected one of") && !e.json { // a command that has commands: show them
			parser.Stdout = e.errs
			_ = p.Context.PrintUsage(false)
			fmt.Fprintln(e.errs)
		}
	}
	e.complain(trellis.Errorf(trellis.Invalid, "%w", err), command+" --help")
	return statusUsage
}

// fail says what went wrong and what may help, and returns the exit status.
func (e *env) fail(err error, c called) int {
	if f := (*fs.PathError)(nil); errors.As(err, &f) && errors.Is(f, fs.ErrNotExist) && err.Error() == f.Error() {
		err = missing(f, "", c.command)
	}
	e.complain(err, advice(err, c))
	return statusFailed
}

func (e *env) complain(err error, next string) {
	if e.json && !e.printed {
		fault := map[string]any{"kind": trellis.KindOf(err), "message": err.Error()}
		if r := (*trellis.Refusal)(nil); errors.As(err, &r) {
			fault["extension"], fault["filter"], fault["code"], fault["message"] = r.Extension, r.Filter, r.Code, r.Message
		}
		if t := (*runtime.Trap)(nil); errors.As(err, &t) {
			fault["frames"] = t.Frames
		}
		if next != "" {
			fault["next"] = next
		}
		e.print(map[string]any{"error": fault})
	}
	message, where := traceOf(err)
	fmt.Fprintln(e.errs, "trellis:", message)
	for _, line := range where {
		fmt.Fprintln(e.errs, line)
	}
	if next != "" {
		fmt.Fprintln(e.errs, "Next:", next)
	}
}

// terminal returns the terminal that a stream is, if it is one.
func terminal(stream any) (*os.File, bool) {
	f, ok := stream.(*os.File)
	return f, ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// agreed asks a person. Where nobody is there to answer it returns unasked.
func (e *env) agreed(question string, unasked bool) bool {
	if _, ok := terminal(e.in); !ok {
		return unasked
	}
	fmt.Fprintf(e.errs, "%s [y/N] ", question)
	line, _ := bufio.NewReader(e.in).ReadString('\n') // what cannot be read is no
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "y")
}

// sure asks before something is done that cannot be undone. Where nobody is there
// to ask it wants to have been told.
func (e *env) sure(told bool, question string) error {
	if told || e.agreed(question, false) {
		return nil
	}
	err := trellis.Errorf(trellis.Conflict, "nothing was changed")
	if _, ok := terminal(e.in); !ok {
		return advise(err, "-yes says that it is meant; it cannot be undone")
	}
	return err
}

// stopped is how a server ended: one that was told to end has ended well, even if
// it had hardly begun.
func (e *env) stopped(err error) error {
	if e.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// maxHidden bounds what is read as a secret.
const maxHidden = 64 << 10

// hidden reads a secret: from a terminal without showing it, else from standard
// input, of which the line's end is no part.
func (e *env) hidden(what string) (string, error) {
	if f, ok := terminal(e.in); ok {
		fmt.Fprintf(e.errs, "%s: ", what)
		raw, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(e.errs)
		if err == nil && len(raw) == 0 {
			err = trellis.Errorf(trellis.Invalid, "nothing was typed")
		}
		return string(raw), err
	}
	raw, err := io.ReadAll(io.LimitReader(e.in, maxHidden+1))
	if err != nil {
		return "", err
	}
	value := strings.TrimRight(string(raw), "\r\n")
	switch {
	case value == "":
		return "", trellis.Errorf(trellis.Invalid, "no %s on standard input", strings.ToLower(what))
	case len(value) > maxHidden:
		return "", trellis.Errorf(trellis.Invalid, "the %s on standard input has more than %d bytes", strings.ToLower(what), maxHidden)
	}
	return value, nil
}

// when is a time as people read it.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// argument reads an argument, or the file that it names: TEXT or @FILE.
func argument(s string) ([]byte, error) {
	if name, ok := strings.CutPrefix(s, "@"); ok {
		return os.ReadFile(name)
	}
	return []byte(s), nil
}

// jsonArgument reads JSON from an argument, or from a file that it names.
func jsonArgument(what, s string) (json.RawMessage, error) {
	raw, err := argument(s)
	if err != nil {
		return nil, err
	}
	if !json.Valid(raw) {
		return nil, trellis.Errorf(trellis.Invalid, "%s: %.80q is not JSON", what, raw)
	}
	return raw, nil
}

// writeFile writes a file that only its owner reads, at once or not at all.
func writeFile(path string, data []byte) error {
	return replace(path, 0o600, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// replace writes a file at once or not at all.
func replace(path string, mode os.FileMode, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	err = errors.Join(write(tmp), tmp.Chmod(mode), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // it is of no use, and named so
	}
	return err
}
