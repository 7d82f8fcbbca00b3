package hostapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
)

var _ interface { // runtime.Host
	Call(ctx context.Context, operation string, in []byte) ([]byte, error)
} = (*hostapi.API)(nil)

func TestServe(t *testing.T) {
	api := newAPI(t, &notebook{}, hostapi.Quotas{})
	guest := extension(as(t, robot), "grades:read", "http:api.example.org")
	inCourse := hostapi.WithCaller(as(t, robot), hostapi.Caller{Installation: "inst", Grants: []hostapi.Grant{{Permission: "grades:read", Course: goCourse}}})
	filter := hostapi.WithCaller(as(t, admin), hostapi.Caller{Installation: "inst", Filter: true, Grants: []hostapi.Grant{{Permission: "grades:read"}, {Permission: "grades:write"}}})
	inGo := fmt.Sprintf(`{"course":%q,"person":"ada"}`, goCourse)
	for _, tt := range []struct {
		name      string
		ctx       context.Context
		door      hostapi.Door
		operation string
		in        string
		want      trellis.Kind
		says      string
	}{
		{"good", as(t, admin), hostapi.HTTPDoor, "notes.get", inGo, "", ""},
		{"an unknown operation", as(t, admin), hostapi.HTTPDoor, "notes.gett", inGo, trellis.NotFound, `no operation "notes.gett"`},
		{"a closed door", as(t, admin), hostapi.HTTPDoor, "notes.send", `{}`, trellis.NotFound, "no operation"},
		{"another closed door", guest, hostapi.GuestDoor, "notes.count", `{}`, trellis.NotFound, "no operation"},
		{"an open one", as(t, learner), hostapi.FrameDoor, "notes.count", `{}`, "", ""},
		{"no such door", as(t, admin), "window", "notes.get", inGo, trellis.NotFound, "no operation"},
		{"nobody", t.Context(), hostapi.FrameDoor, "notes.count", `{}`, trellis.Denied, "nobody is logged in"},
		{"no extension at its door", as(t, admin), hostapi.GuestDoor, "notes.get", inGo, trellis.Denied, "no extension runs"},
		{"no input", as(t, learner), hostapi.FrameDoor, "notes.count", ``, "", ""},
		{"an unknown key", as(t, admin), hostapi.HTTPDoor, "notes.get", `{"cuorse":"x"}`, trellis.Invalid, `unknown field "cuorse"`},
		{"two documents", as(t, admin), hostapi.HTTPDoor, "notes.get", `{}{}`, trellis.Invalid, "more than one"},
		{"too much", as(t, admin), hostapi.HTTPDoor, "notes.get", `{"course":"` + strings.Repeat("x", 1<<20) + `"}`, trellis.Exhausted, "of at most 1048576"},
		{"an invalid input is said before the permission", as(t, person("x")), hostapi.HTTPDoor, "notes.get", `{`, trellis.Invalid, "not JSON"},
		{"no permission", as(t, person("x")), hostapi.HTTPDoor, "notes.get", inGo, trellis.Denied, "notes.get needs the permission grades:read (See grades)"},
		{"not here", as(t, learner), hostapi.HTTPDoor, "notes.get", fmt.Sprintf(`{"course":%q,"person":"bob"}`, goCourse), trellis.NotFound, "no such thing here"},
		{"a list narrows itself", as(t, learner), hostapi.HTTPDoor, "notes.list", fmt.Sprintf(`{"course":%q,"person":"bob"}`, goCourse), "", ""},
		{"a list of nothing", as(t, person("x")), hostapi.HTTPDoor, "notes.list", inGo, trellis.Denied, "grades:read"},
		{"granted", inCourse, hostapi.GuestDoor, "notes.get", inGo, "", ""},
		{"granted elsewhere", inCourse, hostapi.GuestDoor, "notes.get", fmt.Sprintf(`{"course":%q}`, rustCourse), trellis.NotFound, "no such thing here"},
		{"not granted", guest, hostapi.GuestDoor, "notes.add", inGo, trellis.Denied, "grades:write (Set grades)"},
		{"a host", guest, hostapi.GuestDoor, "notes.send", `{"host":"api.example.org"}`, "", ""},
		{"another host", guest, hostapi.GuestDoor, "notes.send", `{"host":"example.org"}`, trellis.Denied, "http:example.org (Send requests to example.org)"},
		{"no host", guest, hostapi.GuestDoor, "notes.send", `{"host":""}`, trellis.Invalid, "does not say what"},
		{"what is no host", guest, hostapi.GuestDoor, "notes.send", `{"host":"a b"}`, trellis.Denied, `"http:a b"`},
		{"a filter reads", filter, hostapi.GuestDoor, "notes.get", inGo, "", ""},
		{"a filter writes", filter, hostapi.GuestDoor, "notes.add", inGo, trellis.Denied, "a filter may not change anything"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := api.Serve(tt.ctx, tt.door, tt.operation, []byte(tt.in))
			if got := trellis.KindOf(err); got != tt.want {
				t.Fatalf("kind = %q, want %q (%v)", got, tt.want, err)
			}
			if err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%q does not say %q", err, tt.says)
			}
		})
	}
}

func TestNew(t *testing.T) {
	type in struct {
		ID string `json:"id"`
	}
	type loop struct {
		Next []*loop `json:"next"`
	}
	op := func(s hostapi.Spec) hostapi.Operation {
		return hostapi.Define(s, func(in) hostapi.Scope { return hostapi.Scope{} }, func(context.Context, in) (in, error) { return in{}, nil })
	}
	for _, tt := range []struct {
		name string
		ops  []hostapi.Operation
		want string
	}{
		{"none", nil, ""},
		{"good", []hostapi.Operation{op(hostapi.Spec{Name: "a.b", Permission: "http:", Doors: hostapi.Guest().And(hostapi.HTTP("GET", "/a/:id"))})}, ""},
		{"two methods", []hostapi.Operation{op(hostapi.Spec{Name: "a.b", Doors: hostapi.HTTP("GET", "/a")}), op(hostapi.Spec{Name: "a.c", Doors: hostapi.HTTP("POST", "/a")})}, ""},
		{"zero", []hostapi.Operation{{}}, "not made with Define"},
		{"a name", []hostapi.Operation{op(hostapi.Spec{Name: "a", Doors: hostapi.Guest()})}, "not a name"},
		{"twice", []hostapi.Operation{op(hostapi.Spec{Name: "a.b", Doors: hostapi.Guest()}), op(hostapi.Spec{Name: "a.b", Doors: hostapi.Guest()})}, "declared twice"},
		{"a permission", []hostapi.Operation{op(hostapi.Spec{Name: "a.b", Permission: "all:write", Doors: hostapi.Guest()})}, `no permission "all:write"`},
		{"no door", []hostapi.Operation{op(hostapi.Spec{Name: "a.b"})}, "has no door"},
		{"a method", []hostapi.Operation{op(hostapi.Spec{Name: "a.b", Doors: hostapi.HTTP("get", "/a")})}, `method "get"`},
		{"a method without a path", []hostapi.Operation{op(hostapi.Spec{Name: "a.b", Doors: hostapi.Doors{Guest: true, Method: "GET"}})}, `path "" does not begin`},
		{"a path", []hostapi.Operation{op(hostapi.Spec{Name: "a.b", Doors: hostapi.HTTP("GET", "a")})}, "does not begin with /"},
		{"a parameter", []hostapi.Operation{op(hostapi.Spec{Name: "a.b", Doors: hostapi.HTTP("GET", "/a/:ID")})}, `parameter "ID" is no field`},
		{"GET that writes", []hostapi.Operation{op(hostapi.Spec{Name: "a.b", Writes: true, Doors: hostapi.HTTP("GET", "/a")})}, "writes, and has the door GET"},
		{"one path", []hostapi.Operation{op(hostapi.Spec{Name: "a.b", Doors: hostapi.HTTP("GET", "/a/:id")}), op(hostapi.Spec{Name: "a.c", Doors: hostapi.HTTP("GET", "/a/:id")})}, "share the door GET /a/:id"},
		{"a type without a schema", []hostapi.Operation{hostapi.Define(hostapi.Spec{Name: "a.b", Doors: hostapi.HTTP("GET", "/a")},
			func(loop) hostapi.Scope { return hostapi.Scope{} }, func(context.Context, loop) (loop, error) { return loop{}, nil })}, "cycle"},
	} {
		api, err := hostapi.New(hostapi.Config{Operations: tt.ops})
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		case err == nil && len(api.Operations()) != len(tt.ops):
			t.Errorf("%s: %d operations", tt.name, len(api.Operations()))
		}
	}
}

func TestOperationsAreSorted(t *testing.T) {
	got := ""
	for _, o := range newAPI(t, &notebook{}, hostapi.Quotas{}).Operations() {
		got += o.Spec().Name + " "
	}
	if want := "notes.add notes.count notes.get notes.list notes.send "; got != want {
		t.Errorf("operations %q, want %q", got, want)
	}
}

func FuzzCall(f *testing.F) {
	api := newAPI(f, &notebook{}, hostapi.Quotas{Reads: -1, Writes: -1, Fetches: -1})
	for _, in := range []string{`{"course":"course-v1:acme+go+2026","person":"ada"}`, `{"host":"*.example.org"}`, `null`, `[]`, `{"course":1}`, "{\"host\":\"\xff\"}", ``} {
		for i := range len(api.Operations()) {
			f.Add(uint8(i), in)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, in string) {
		name := "notes.none"
		if int(which) < len(api.Operations()) {
			name = api.Operations()[which].Spec().Name
		}
		for _, actor := range []trellis.Actor{learner, robot} {
			out, err := api.Call(extension(as(t, actor), "grades:read", "grades:write", "http:api.example.org"), name, []byte(in))
			switch trellis.KindOf(err) {
			case "":
				if len(out) == 0 {
					t.Errorf("%s(%q): no answer", name, in)
				}
			case trellis.Invalid, trellis.Denied, trellis.NotFound, trellis.Exhausted:
			default:
				t.Errorf("%s(%q): %q: %v", name, in, trellis.KindOf(err), err)
			}
		}
	})
}
