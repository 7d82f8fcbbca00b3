// Command trellis is the platform and everything that is done with it: it runs
// the demo and servers, makes and manages extensions, imports and exports.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/runtime"
)

// version is set when a release is built.
var version = ""

// childCommand is the hidden command of the process that compiles extensions.
const childCommand = "compile-child"

type cli struct {
	JSON    bool             `name:"json" help:"Print one JSON document on standard output, and nothing else there."`
	Verbose bool             `short:"v" help:"Log more."`
	Version kong.VersionFlag `help:"Print the version."`

	Demo  demoCmd  `cmd:"" help:"Start everything, with a tenant, a course, people and extensions to try."`
	Serve serveCmd `cmd:"" help:"Start a server from a configuration file."`

	Ext extCmd `cmd:"" help:"Make, install and manage extensions."`

	Import importCmd `cmd:"" help:"Import a roster."`
	Export exportCmd `cmd:"" help:"Export a roster."`
	Jobs   jobsCmd   `cmd:"" help:"Long work: list, wait, cancel, go on."`

	Enroll     enrollCmd     `cmd:"" help:"Enrol somebody in a course."`
	Unenroll   unenrollCmd   `cmd:"" help:"End somebody's enrolment."`
	Events     eventsCmd     `cmd:"" help:"Show what has happened, and what happens."`
	Deliveries deliveriesCmd `cmd:"" help:"Deliveries of events that failed: list, show, send again, discard."`
	Trace      traceCmd      `cmd:"" help:"Show what extensions did in one request."`
	Audit      auditCmd      `cmd:"" help:"Show who did what."`

	Login  loginCmd  `cmd:"" help:"Exchange a name and a password for a token."`
	Tenant tenantCmd `cmd:"" help:"Make and list tenants (operators)."`
	Token  tokenCmd  `cmd:"" help:"Make, list and end tokens."`
	Whoami whoamiCmd `cmd:"" help:"Say who the token makes you."`

	Run     runCmd     `cmd:"" help:"Call one export of a guest here, without a server."`
	ABI     abiCmd     `cmd:"" name:"abi" help:"Print the contract between the platform and extensions."`
	Migrate migrateCmd `cmd:"" help:"Bring the data of a server up to date, without starting it."`
	Doctor  doctorCmd  `cmd:"" help:"Look whether this machine and the server are all right."`
}

func main() { os.Exit(run()) }

func run() int {
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		return runtime.CompileChild(os.Args[2:], os.Stdin, os.Stdout, os.Stderr)
	}
	var c cli
	parser, err := kong.New(&c, kong.Name("trellis"), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Description("An extensible core platform for learning systems. Begin with: trellis demo"), kong.Vars{"version": programVersion()})
	if err != nil {
		fmt.Fprintln(os.Stderr, "trellis:", err)
		return 1
	}
	k, err := parser.Parse(longFlags(os.Args[1:]))
	if err != nil {
		var p *kong.ParseError
		if errors.As(err, &p) {
			fmt.Fprintf(os.Stderr, "trellis: %s\nTry: trellis --help\n", p)
			return 2
		}
		fmt.Fprintln(os.Stderr, "trellis:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelDebug
	}
	e := &env{ctx: ctx, json: c.JSON, verbose: c.Verbose, log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))}
	if err := k.Run(e); err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return 130
		}
		return e.fail(err)
	}
	return 0
}

// longFlags lets flags be written with one dash, as Go's programs have them:
// -json as well as --json. Flags of one letter stay as they are.
func longFlags(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if a == "--" {
			copy(out[i:], args[i:])
			break
		}
		if len(a) > 2 && a[0] == '-' && a[1] != '-' && (a[1] < '0' || a[1] > '9') && a[2] != '=' {
			a = "-" + a
		}
		out[i] = a
	}
	return out
}

// env is what every command is given.
type env struct {
	ctx     context.Context
	json    bool
	verbose bool
	log     *slog.Logger
}

// fail says what went wrong and returns the exit status.
func (e *env) fail(err error) int {
	if e.json {
		e.print(map[string]any{"error": map[string]string{"kind": string(trellis.KindOf(err)), "message": err.Error()}})
	}
	fmt.Fprintln(os.Stderr, "trellis:", err)
	return 1
}

// programVersion is the release, or where the program was built from.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// compiler is the argv of the child that compiles extensions: this program.
func compiler() []string {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	return []string{self, childCommand}
}
