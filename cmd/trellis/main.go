// Command trellis is the platform and everything that is done with it: it runs
// the demo and servers, makes and manages extensions, imports and exports.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/trellis-learning/trellis/runtime"
)

// version is set when a release is built.
var version = ""

// childCommand is the hidden command of the process that compiles extensions.
const childCommand = "compile-child"

const description = `An extensible core platform for learning systems. Begin with: trellis demo

Commands that change a running Trellis talk to it over HTTP: TRELLIS_URL, TRELLIS_TOKEN and TRELLIS_TENANT say where, as whom, and in which tenant. The exit status is 0 for done, 1 for not done, 2 for a command that was not understood.`

type cli struct {
	JSON    bool             `name:"json" help:"Print one JSON document on standard output, and nothing else there."`
	Verbose bool             `short:"v" help:"Log more."`
	Version kong.VersionFlag `help:"Print the version."`

	Demo     demoCmd     `cmd:"" help:"Start everything, with a tenant, a course, people and extensions to try."`
	Serve    serveCmd    `cmd:"" help:"Start a server from a configuration file."`
	Migrate  migrateCmd  `cmd:"" help:"Bring the data of a server up to date, without starting it."`
	Operator operatorCmd `cmd:"" help:"Make the operator of a new server, on its machine."`
	Doctor   doctorCmd   `cmd:"" help:"Look whether this machine, a configuration and a server are all right."`

	Ext extCmd `cmd:"" help:"Make, install and manage extensions."`

	Import importCmd `cmd:"" help:"Import a roster."`
	Export exportCmd `cmd:"" help:"Export a roster."`
	Jobs   jobsCmd   `cmd:"" help:"Long work: list, wait, cancel, go on."`

	Events     eventsCmd     `cmd:"" help:"Show what has happened, and what happens."`
	Deliveries deliveriesCmd `cmd:"" help:"Deliveries of events that failed: list, show, send again, discard."`
	Trace      traceCmd      `cmd:"" help:"Show what extensions did in one request."`
	Audit      auditCmd      `cmd:"" help:"Show who did what."`
	Catalogue  catalogueCmd  `cmd:"" help:"Show which filters are asked, which events happen, and which places in pages there are."`

	Course   courseCmd   `cmd:"" help:"Courses: list, create."`
	User     userCmd     `cmd:"" help:"People: list, create, give a password, switch off."`
	Role     roleCmd     `cmd:"" help:"Roles: list, give, take."`
	Enroll   enrollCmd   `cmd:"" help:"Enrol somebody in a course."`
	Unenroll unenrollCmd `cmd:"" help:"End somebody's enrolment."`
	Grade    gradeCmd    `cmd:"" help:"Grades: list, set."`

	Login    loginCmd    `cmd:"" help:"Exchange a name and a password for a token."`
	Register registerCmd `cmd:"" help:"Make yourself an account, where people may."`
	Whoami   whoamiCmd   `cmd:"" help:"Say who the token makes you."`
	Tenant   tenantCmd   `cmd:"" help:"Make and list tenants (operators)."`
	Token    tokenCmd    `cmd:"" help:"Make, list and end tokens."`
	API      apiCmd      `cmd:"" name:"api" help:"Send any request to the server: what has no command of its own."`

	Run   runCmd   `cmd:"" help:"Call one export of a guest here, without a server."`
	Bench benchCmd `cmd:"" help:"Measure what calls of a guest cost here, in each of its modes."`
	ABI   abiCmd   `cmd:"" name:"abi" help:"Print the contract between the platform and extensions."`
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		os.Exit(runtime.CompileChild(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// The exit statuses. One that was interrupted has what shells give it.
const (
	statusFailed      = 1
	statusUsage       = 2
	statusInterrupted = 130
)

// run performs one command and returns the exit status.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	args = longFlags(args)
	e := newEnv(ctx, in, out, errs)
	e.json = slices.Contains(args, "--json") // also for a command that is not understood
	var c cli
	exited := -1
	parser, err := kong.New(&c, kong.Name("trellis"), kong.Writers(out, errs), kong.Exit(func(status int) { exited = status }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Description(description), kong.Vars{"version": programVersion()})
	if err != nil {
		return e.fail(err, called{})
	}
	k, err := parser.Parse(args)
	if exited >= 0 {
		return exited // it was help, or the version
	}
	if err != nil {
		return e.misunderstood(parser, err)
	}
	e.json = c.JSON
	e.logs(c.Verbose)
	if err := k.Run(e); err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return statusInterrupted
		}
		return e.fail(err, called{k.Command(), withoutCourse(k)})
	}
	return 0
}

// withoutCourse says whether a command that takes a course was given none.
func withoutCourse(k *kong.Context) bool {
	return slices.ContainsFunc(k.Flags(), func(f *kong.Flag) bool { return f.Name == "course" && f.Target.String() == "" })
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
