package api

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/web"
)

// Limits of bodies.
const (
	maxBody   = 1 << 20
	maxUpload = 1 << 30
)

// ManifestSchema is the path at which the JSON Schema of manifests is served.
const ManifestSchema = "/api/schemas/extension-1.json"

// Routes returns the routes of every operation that has an HTTP door, and those
// of uploads, downloads and the login.
func (a *API) Routes() ([]web.Route, error) {
	var routes []web.Route
	for _, o := range a.cfg.API.Operations() {
		s := o.Spec()
		if s.Doors.Path == "" {
			continue
		}
		in, err := hostapi.SchemaOf(o.In())
		if err != nil {
			return nil, err
		}
		out, err := hostapi.SchemaOf(o.Out())
		if err != nil {
			return nil, err
		}
		r := web.Route{
			Method: s.Doors.Method, Path: s.Doors.Path, Name: s.Name, Summary: s.Doc, Permission: s.Permission, Request: in, Response: out,
			Status: status(s), Handle: a.operation(o),
		}
		if s.Doors.Method != "GET" {
			r.Limit = maxBody
		}
		routes = append(routes, r)
	}
	login, err := hostapi.SchemaOf(reflect.TypeFor[learning.Login]())
	if err != nil {
		return nil, err
	}
	signUp, err := hostapi.SchemaOf(reflect.TypeFor[learning.SignUp]())
	if err != nil {
		return nil, err
	}
	account, err := hostapi.SchemaOf(reflect.TypeFor[learning.Account]())
	if err != nil {
		return nil, err
	}
	manifest, err := bundle.Schema()
	if err != nil {
		return nil, err
	}
	return append(routes,
		web.Route{Method: "GET", Path: ManifestSchema, Name: "schemas.extension", Summary: "JSON Schema of extension.json, the manifest of an extension, for editors and tests.",
			Public: true, Handle: func(c *fiber.Ctx) error { return web.Raw(c, fiber.StatusOK, manifest) }},
		web.Route{Method: "POST", Path: "/api/v1/login", Name: "login", Summary: "Exchanges a name and a password for a token that lasts twelve hours.",
			Public: true, Limit: 16 << 10, Request: login, Handle: a.login},
		web.Route{Method: "POST", Path: "/api/v1/register", Name: "users.register", Summary: "Makes an account for the one who asks, in a tenant in which people may register themselves. Then she logs in.",
			Public: true, Limit: 16 << 10, Request: signUp, Response: account, Status: 201, Handle: a.register},
		web.Route{Method: "POST", Path: "/api/v1/extensions", Name: "extensions.install", Summary: "Installs a bundle, for the tenant or, with ?course=KEY, for a course. It is enabled for nobody yet.",
			Permission: "extensions:write", Limit: bundle.MaxSize, Status: 201, Handle: a.install},
		web.Route{Method: "POST", Path: "/api/v1/extensions/inspect", Name: "extensions.inspect", Summary: "Looks at a bundle as installing it would, and says what it is, asks for and what is wrong with it. Nothing is installed.",
			Permission: "extensions:write", Limit: bundle.MaxSize, Handle: a.inspect},
		web.Route{Method: "POST", Path: "/api/v1/imports/:format", Name: "imports.create", Summary: "Takes an upload and returns the job that imports it. Options stand in the query: strict, passwords, dry_run, title, at_most (how many rows it may remove: ten or a tenth of all if absent; more stop it).",
			Permission: "imports:write", Limit: maxUpload, Status: 202, Stream: true, Handle: a.upload},
		web.Route{Method: "GET", Path: "/api/v1/exports/:format", Name: "exports.get", Summary: "Downloads what the tenant has.",
			Permission: "exports:read", Stream: true, Handle: a.export},
	), nil
}

// status is that of success: what makes something says so.
func status(s hostapi.Spec) int {
	if s.Doors.Method == "POST" && strings.HasSuffix(s.Name, ".create") {
		return fiber.StatusCreated
	}
	return fiber.StatusOK
}

// operation performs an operation: its input is the body, the query and the path
// together.
func (a *API) operation(o hostapi.Operation) func(*fiber.Ctx) error {
	s := o.Spec()
	return func(c *fiber.Ctx) error {
		in, err := input(c, s, o.In())
		if err != nil {
			return err
		}
		out, err := a.cfg.API.Serve(repeatable(c, in), hostapi.HTTPDoor, s.Name, in)
		if err != nil {
			return err
		}
		return web.Raw(c, status(s), out)
	}
}

// repeatable returns the context of a request. If it has an Idempotency-Key, the
// identifiers of what it makes also depend on what is asked for: with the same key
// but another input it is another request, not a repeat that gets the first answer.
func repeatable(c *fiber.Ctx, in ...[]byte) context.Context {
	ctx := web.Context(c)
	if c.Get("Idempotency-Key") == "" {
		return ctx
	}
	var sums []string
	for _, part := range in {
		sum := sha256.Sum256(part)
		sums = append(sums, hex.EncodeToString(sum[:]))
	}
	return trellis.WithIDs(ctx, trellis.IDFrom(ctx), sums...)
}

// input puts together what an operation is asked.
func input(c *fiber.Ctx, s hostapi.Spec, t reflect.Type) ([]byte, error) {
	fields := map[string]json.RawMessage{}
	if s.Doors.Method != "GET" {
		raw, err := web.ReadJSON(c)
		if err != nil {
			return nil, err
		}
		if len(raw) > 0 {
			if err := trellis.DecodeStrict(raw, &fields); err != nil {
				return nil, trellis.Errorf(trellis.Invalid, "the body: %s", err)
			}
		}
	}
	query, err := web.Query(c)
	if err != nil {
		return nil, err
	}
	for name, values := range query {
		if err := put(fields, t, name, values, "the query"); err != nil {
			return nil, err
		}
	}
	for _, part := range strings.Split(s.Doors.Path, "/") {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			value, err := web.Param(c, name)
			if err != nil {
				return nil, err
			}
			if err := put(fields, t, name, []string{value}, "the path"); err != nil {
				return nil, err
			}
		}
	}
	return json.Marshal(fields)
}

// put adds a parameter as JSON of its field's type.
func put(fields map[string]json.RawMessage, t reflect.Type, name string, values []string, where string) error {
	if _, ok := fields[name]; ok {
		return trellis.Errorf(trellis.Invalid, "%s stands in %s and elsewhere", name, where)
	}
	f, ok := fieldOf(t, name)
	if !ok {
		return trellis.Errorf(trellis.Invalid, "there is no parameter %.80q", name)
	}
	if f.Kind() == reflect.Slice && f.Elem().Kind() == reflect.String {
		fields[name] = encode(values)
		return nil
	}
	if len(values) != 1 {
		return trellis.Errorf(trellis.Invalid, "%s stands in %s more than once", name, where)
	}
	v := values[0]
	for f.Kind() == reflect.Pointer {
		f = f.Elem()
	}
	switch f.Kind() {
	case reflect.String:
		fields[name] = encode(v)
	case reflect.Bool:
		b, err := strconv.ParseBool(v)
		if err != nil {
			return trellis.Errorf(trellis.Invalid, "%s is true or false", name)
		}
		fields[name] = encode(b)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return trellis.Errorf(trellis.Invalid, "%s is a whole number", name)
		}
		fields[name] = encode(n)
	case reflect.Float64:
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return trellis.Errorf(trellis.Invalid, "%s is a number", name)
		}
		fields[name] = encode(n)
	default:
		return trellis.Errorf(trellis.Invalid, "%s belongs into the body", name)
	}
	return nil
}

func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null") // only NaN and its kin have no JSON form, and the operation refuses null
	}
	return raw
}

// fieldOf finds the type of a field by its JSON name.
func fieldOf(t reflect.Type, name string) (reflect.Type, bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && key == "" {
			if found, ok := fieldOf(f.Type, name); ok {
				return found, true
			}
		}
		if key == name && f.IsExported() {
			return f.Type, true
		}
	}
	return nil, false
}

func (a *API) login(c *fiber.Ctx) error {
	var in learning.Login
	ctx, err := fromAnybody(c, &in)
	if err != nil {
		return err
	}
	in.Address = web.ClientAddress(c)
	token, err := a.cfg.Learning.Login(ctx, in)
	if err != nil {
		return err
	}
	return web.JSON(c, fiber.StatusOK, token)
}

// fromAnybody reads what somebody sends who need not be logged in, and returns the
// context of the request, which says in which tenant it is meant.
func fromAnybody(c *fiber.Ctx, in any) (context.Context, error) {
	if err := web.DecodeBody(c, in); err != nil {
		return nil, err
	}
	ctx := web.Context(c)
	if trellis.ActorFrom(ctx).Tenant == "" {
		return nil, trellis.Errorf(trellis.Invalid, "say which tenant: by its host name, by /t/TENANT before the path, or by the header Trellis-Tenant")
	}
	return ctx, nil
}

func (a *API) register(c *fiber.Ctx) error {
	var in learning.SignUp
	ctx, err := fromAnybody(c, &in)
	if err != nil {
		return err
	}
	in.Address = web.ClientAddress(c)
	p, err := a.cfg.Learning.SignUp(ctx, in)
	if err != nil {
		return err
	}
	return web.JSON(c, fiber.StatusCreated, learning.AccountOf(p))
}

// permitted checks the permission of a route that is no operation.
func permitted(c *fiber.Ctx, permission string, at hostapi.Scope) error {
	reach := hostapi.ReachOf(web.Context(c), permission)
	switch {
	case reach.Empty():
		return trellis.Errorf(trellis.Denied, "this needs the permission %s", permission)
	case !reach.Allows(at):
		return trellis.Errorf(trellis.NotFound, "there is no such thing here")
	}
	return nil
}

// bundle reads a bundle that is sent, once it has its turn, and hands it on with whose
// it is to be.
func (a *API) bundle(c *fiber.Ctx, take func(ctx context.Context, raw []byte, owner extensions.Scope) error) error {
	query, err := web.Query(c)
	if err != nil {
		return err
	}
	if err := only(query, "course"); err != nil {
		return err
	}
	owner := extensions.Scope{Course: query.Get("course")}
	if err := permitted(c, "extensions:write", hostapi.Scope{Course: owner.Course}); err != nil {
		return err
	}
	if owner.Course != "" {
		if _, err := a.cfg.Learning.Course(web.Context(c), owner.Course); err != nil {
			return err
		}
	}
	done, err := a.cfg.Registry.Uploading(web.Context(c))
	if err != nil {
		return err
	}
	defer done()
	raw, err := web.ReadBody(c)
	if err != nil {
		return err
	}
	return take(repeatable(c, []byte(owner.Course), raw), raw, owner)
}

func (a *API) inspect(c *fiber.Ctx) error {
	return a.bundle(c, func(ctx context.Context, raw []byte, owner extensions.Scope) error {
		out, err := a.cfg.Registry.Inspect(ctx, raw, owner)
		if err != nil {
			return err
		}
		return web.JSON(c, fiber.StatusOK, out)
	})
}

func (a *API) install(c *fiber.Ctx) error {
	return a.bundle(c, func(ctx context.Context, raw []byte, owner extensions.Scope) error {
		x, err := a.cfg.Registry.Install(a.cfg.API.Audited(ctx, "extensions.install", owner.Course), raw, owner)
		if err != nil {
			return err
		}
		return web.JSON(c, fiber.StatusCreated, x)
	})
}

func only(query url.Values, names ...string) error {
	for name := range query {
		if !slices.Contains(names, name) {
			return trellis.Errorf(trellis.Invalid, "there is no parameter %.80q", name)
		}
	}
	return nil
}

func (a *API) upload(c *fiber.Ctx) error {
	if err := permitted(c, "imports:write", hostapi.Scope{}); err != nil {
		return err
	}
	query, err := web.Query(c)
	if err != nil {
		return err
	}
	if err := only(query, "strict", "passwords", "dry_run", "title", "at_most"); err != nil {
		return err
	}
	options := map[string]any{}
	for name := range query {
		switch name {
		case "title":
			options[name] = query.Get(name)
			continue
		case "at_most":
			n, err := strconv.Atoi(query.Get(name))
			if err != nil || n < 0 {
				return trellis.Errorf(trellis.Invalid, "at_most is how many rows the import may remove: a number")
			}
			options[name] = n
			continue
		}
		b, err := strconv.ParseBool(query.Get(name))
		if err != nil {
			return trellis.Errorf(trellis.Invalid, "%s is true or false", name)
		}
		options[name] = b
	}
	format, err := web.Param(c, "format")
	if err != nil {
		return err
	}
	job, err := a.cfg.Importer.Upload(a.cfg.API.Audited(web.Context(c), "imports.create", format), format, web.Body(c), encode(options))
	if err != nil {
		return err
	}
	return web.JSON(c, fiber.StatusAccepted, job)
}

func (a *API) export(c *fiber.Ctx) error {
	if err := permitted(c, "exports:read", hostapi.Scope{}); err != nil {
		return err
	}
	format, err := web.Param(c, "format")
	if err != nil {
		return err
	}
	ctx := web.Context(c)
	content, err := a.begin(ctx, format)
	if err != nil {
		return err
	}
	name := trellis.ActorFrom(ctx).Tenant + "-" + format + ".zip"
	c.Set(fiber.HeaderContentDisposition, fmt.Sprintf("attachment; filename=%q", name))
	return web.Stream(c, "application/zip", func(_ context.Context, w *bufio.Writer) error {
		defer func() { _ = content.Close() }()
		if _, err := io.Copy(w, content); err != nil {
			return err // the connection is cut, so nobody takes it for the whole
		}
		return w.Flush()
	})
}

// begin begins an export and waits for its first byte: what goes wrong before
// that is answered as a problem, not as half a file.
func (a *API) begin(ctx context.Context, format string) (io.ReadCloser, error) {
	read, write := io.Pipe()
	go func() {
		defer func() {
			if p := recover(); p != nil {
				_ = write.CloseWithError(trellis.Errorf(trellis.Internal, "export panicked: %v\n%s", p, debug.Stack()))
			}
		}()
		_ = write.CloseWithError(a.cfg.Exporter.Export(ctx, format, write)) // of nil the reader hears as io.EOF
	}()
	content := bufio.NewReader(read)
	if _, err := content.Peek(1); err != nil && err != io.EOF {
		return nil, errors.Join(err, read.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{content, read}, nil
}
