package hostapi_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// The operations that the tests call: notes on people in courses.

const (
	goCourse   = "course-v1:acme+go+2026"
	rustCourse = "course-v1:acme+rust+2026"
	artCourse  = "course-v1:arts+ink+2026"
)

type Which struct {
	Course string `json:"course" doc:"Key of the course."`
	Person string `json:"person,omitempty" doc:"ID of the person."`
}

type Note struct {
	Course string       `json:"course" doc:"Key of the course."`
	Text   string       `json:"text,omitempty" doc:"What it says."`
	Mood   string       `json:"mood,omitempty" doc:"How it is meant." enum:"praise,blame"`
	About  trellis.User `json:"about" doc:"Whom it is about."`
}

type Notes struct {
	Items []Note `json:"items" doc:"The notes."`
}

type Added struct {
	ID string `json:"id" doc:"ID of the note."`
}

type Address struct {
	Host string `json:"host" doc:"Where to."`
}

// notebook performs the operations.
type notebook struct {
	db   *store.DB
	fail error                       // of the next note that is added
	ask  func(context.Context) error // before one is added
}

func where(in Which) hostapi.Scope { return hostapi.Scope{Course: in.Course, Person: in.Person} }

func (b *notebook) operations() []hostapi.Operation {
	return []hostapi.Operation{
		hostapi.Define(hostapi.Spec{Name: "notes.get", Permission: "grades:read", Doors: hostapi.HTTP("GET", "/notes/:course/:person").And(hostapi.Guest()),
			Doc: "Returns the note on a person."}, where, func(_ context.Context, in Which) (Note, error) { return note(in), nil }),
		hostapi.DefineList(hostapi.Spec{Name: "notes.list", Permission: "grades:read", Doors: hostapi.HTTP("GET", "/notes").And(hostapi.Guest()),
			Doc: "Lists notes."}, where, func(_ context.Context, in Which) (Notes, error) {
			return Notes{[]Note{note(in), note(in)}}, nil
		}),
		hostapi.Define(hostapi.Spec{Name: "notes.add", Permission: "grades:write", Writes: true, Doors: hostapi.HTTP("POST", "/notes").And(hostapi.Guest()),
			Doc: "Adds a note."}, where, b.add),
		hostapi.Define(hostapi.Spec{Name: "notes.send", Permission: "http:", Doors: hostapi.Guest(), Doc: "Sends the notes away."},
			func(in Address) hostapi.Scope { return hostapi.Scope{Argument: in.Host} },
			func(context.Context, Address) (struct{}, error) { return struct{}{}, nil }),
		hostapi.Define(hostapi.Spec{Name: "notes.count", Doors: hostapi.Doors{Frame: true}, Doc: "Counts the notes."},
			func(struct{}) hostapi.Scope { return hostapi.Scope{} },
			func(context.Context, struct{}) (int, error) { return 2, nil }),
	}
}

func note(in Which) Note {
	return Note{Course: in.Course, Text: "good", About: trellis.User{ID: in.Person, Active: true, PII: trellis.PersonalData{Name: "Ada", Email: "ada@example.org", Username: "ada"}}}
}

func (b *notebook) add(ctx context.Context, _ Which) (Added, error) {
	if b.ask != nil {
		if err := b.ask(ctx); err != nil {
			return Added{}, err
		}
	}
	id := trellis.IDFrom(ctx)
	if err := b.fail; err != nil {
		b.fail = nil
		return Added{}, err
	}
	if b.db == nil {
		return Added{id}, nil
	}
	return Added{id}, b.db.Write(ctx, store.ChangeFunc(func(context.Context, *store.Tx) error { return nil }))
}

// newAPI returns an API of the notebook's operations. With a database, it is
// audited there.
func newAPI(t testing.TB, b *notebook, q hostapi.Quotas) *hostapi.API {
	t.Helper()
	cfg := hostapi.Config{Operations: b.operations(), Quotas: q}
	if b.db != nil {
		cfg.Auditor = b.db
	}
	api, err := hostapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func openDB(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func person(id string, roles ...trellis.Role) trellis.Actor {
	return trellis.Actor{Tenant: "demo", ID: id, Kind: trellis.PersonActor, Roles: roles}
}

var (
	learner = person("ada", trellis.Role{Name: trellis.RoleLearner})
	staff   = person("grace", trellis.Role{Name: trellis.RoleStaff, Course: goCourse})
	admin   = person("root", trellis.Role{Name: trellis.RoleTenantAdmin})
	robot   = trellis.Actor{Tenant: "demo", ID: "inst", Kind: trellis.ExtensionActor, OnBehalfOf: "person:ada"}
)

func as(t testing.TB, a trellis.Actor) context.Context {
	return trellis.WithActor(t.Context(), a)
}

// extension returns the context of an extension that has the permissions
// everywhere.
func extension(ctx context.Context, permissions ...string) context.Context {
	c := hostapi.Caller{Installation: "inst", Extension: "acme.notes", Hook: "welcome"}
	for _, p := range permissions {
		c.Grants = append(c.Grants, hostapi.Grant{Permission: p})
	}
	return hostapi.WithCaller(ctx, c)
}

var errRefused = errors.New("the test says no")
