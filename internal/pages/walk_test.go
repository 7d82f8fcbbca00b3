package pages_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/web"
)

// walkers are those who walk, in the order of [step.want].
var walkers = []string{"nobody", "learner", "other", "team", "admin", "operator", "stranger"}

// step is one request of the walk: a page or what is posted to one. It is made by
// each of the walkers in turn, below /t/demo: by nobody, by a learner, by staff of
// another course, by staff of the course, by who runs the tenant, by who runs the
// platform, and by who runs another tenant.
//
// What each of them gets is a word: "login" for being led there, "done" for a
// redirect elsewhere, else the status. Whoever gets neither "done" nor 200 must
// have changed nothing, and a GET changes nothing whoever makes it.
type step struct {
	route string                          // name of the route, without "pages."
	path  func(w *world) string           // without /t/demo
	form  func(w *world) url.Values       // nil for a GET
	file  func(w *world) (string, []byte) // field and bytes of an upload, if there is one
	ready func(t *testing.T, w *world)    // brings about what the step needs, before each of the walkers
	want  string                          // seven words
}

// walk returns every step. Each group of pages has a table of its own.
func walk() []step { return slices.Concat(walkLearner(), walkTeam(), walkConsole()) }

// world is what the walk is through.
type world struct {
	pagestest.School
	course, other string            // keys
	ids           map[string]string // of the walkers, and of bob, who is in the course
	token         string            // ID of a token of the learner's
	held          map[string]string // what ready leaves for path and form
	clients       map[string]*walker
	whole         extensions.Extension // of the tenant, as the console expects it
}

// walker is one who walks.
type walker struct {
	client *http.Client
	csrf   string
}

// at is a fixed path.
func at(path string) func(*world) string { return func(*world) string { return path } }

// inCourse is a path below the course's page.
func inCourse(rest string) func(*world) string {
	return func(w *world) string { return "/courses/" + w.course + rest }
}

// sent is a fixed form: names and values in turn.
func sent(pairs ...string) func(*world) url.Values {
	return func(*world) url.Values {
		v := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{School: pagestest.NewSchool(t), ids: map[string]string{}, held: map[string]string{}, clients: map[string]*walker{}}
	w.Tenant(t, "elsewhere")
	w.course, w.other = w.course1(t, "Logic"), w.course1(t, "Other")
	pagestest.Account(t, w.Platform, "elsewhere", "kim") // somebody of the same name
	for name, roles := range map[string][]learning.Assign{
		"learner": nil, "bob": nil,
		"other": {{Role: trellis.RoleStaff, Course: w.other}}, "team": {{Role: trellis.RoleStaff, Course: w.course}}, "admin": {{Role: trellis.RoleTenantAdmin}},
	} {
		w.ids[name] = pagestest.Account(t, w.Platform, "demo", name, roles...)
	}
	w.ids["operator"] = pagestest.Account(t, w.Platform, trellis.PlatformTenant, "operator", learning.Assign{Role: trellis.RoleOperator})
	w.ids["stranger"] = pagestest.Account(t, w.Platform, "elsewhere", "stranger", learning.Assign{Role: trellis.RoleTenantAdmin})
	w.Enrol(t, w.ids["bob"], w.course)
	token, err := w.Learning.CreateToken(w.Ctx, learning.CreateToken{Person: w.ids["learner"], Name: "hers"})
	if err != nil {
		t.Fatal(err)
	}
	w.token = token.ID
	for _, name := range walkers {
		w.signIn(t, name)
	}
	return w
}

func (w *world) course1(t *testing.T, code string) string { return w.School.Course(t, code, code, nil) }

// signIn signs a walker in, again if the session was ended.
func (w *world) signIn(t *testing.T, name string) {
	t.Helper()
	b := pagestest.Browse(t, w.Platform)
	switch name {
	case "nobody":
		b.In("demo").Get("/login")
	case "stranger":
		b.SignIn("elsewhere", name, pagestest.Password)
	default:
		b.SignIn("demo", name, pagestest.Password)
	}
	w.clients[name] = &walker{b.Client, b.CSRF()}
}

// TestWalk walks through every route of the pages as everybody: what is not theirs
// they neither see nor change.
func TestWalk(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED the walk through all pages: -short")
	}
	w := newWorld(t)
	steps := walk()
	for _, r := range w.Pages.Routes() {
		name, isPage := strings.CutPrefix(r.Name, "pages.")
		if isPage && !slices.ContainsFunc(steps, func(s step) bool { return s.route == name }) {
			t.Errorf("the route %s %s (%s) has no step in the walk", r.Method, r.Path, r.Name)
		}
	}
	for _, s := range steps {
		i := slices.IndexFunc(w.Pages.Routes(), func(r web.Route) bool { return r.Name == "pages."+s.route })
		if i < 0 {
			t.Errorf("the walk has a step for %s, which is no route", s.route)
			continue
		}
		if post := w.Pages.Routes()[i].Method == http.MethodPost; post != (s.form != nil) {
			t.Errorf("%s: a step with a form for %s", s.route, w.Pages.Routes()[i].Method)
			continue
		}
		t.Run(s.route, func(t *testing.T) { w.step(t, s) })
	}
}

func (w *world) step(t *testing.T, s step) {
	want := strings.Fields(s.want)
	if len(want) != len(walkers) {
		t.Fatalf("%d words for %d walkers", len(want), len(walkers))
	}
	for i, name := range walkers {
		if s.ready != nil {
			s.ready(t, w)
		}
		before := w.rows(t, "demo")
		got := w.ask(t, s, name, w.clients[name].csrf)
		if got != want[i] {
			t.Errorf("%s gets %s, want %s", name, got, want[i])
		}
		if allowed := got == "done" || got == "200"; s.form == nil || !allowed {
			w.unchanged(t, name, before)
		}
	}
	if s.form == nil {
		return
	}
	if s.ready != nil {
		s.ready(t, w)
	}
	before := w.rows(t, "demo")
	for _, csrf := range []string{"", "x", w.clients["learner"].csrf} {
		if got := w.ask(t, s, "admin", csrf); got != "403" {
			t.Errorf("admin gets %s for the form with the token %q", got, csrf)
		}
	}
	w.unchanged(t, "who has no token for forms", before)
}

func (w *world) unchanged(t *testing.T, name string, before map[string]string) {
	t.Helper()
	after := w.rows(t, "demo")
	for table, sum := range after {
		if before[table] != sum {
			t.Errorf("%s has changed the table %s", name, table)
		}
	}
}

// ask makes the request of a step and returns the word for what came of it.
func (w *world) ask(t *testing.T, s step, name, csrf string) string {
	t.Helper()
	method, contentType, body := http.MethodGet, "", ""
	if s.form != nil {
		method, contentType = http.MethodPost, "application/x-www-form-urlencoded"
		values := s.form(w)
		values.Set("csrf", csrf)
		body = values.Encode()
		if s.file != nil {
			contentType, body = upload(t, values, s.file, w)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, w.URL+"/t/demo"+s.path(w), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if s.form != nil {
		req.Header.Set("Content-Type", contentType)
		req.Header.Set("Origin", w.URL)
	}
	client := *w.clients[name].client
	client.Jar = keeping{client.Jar} // a session that this request ends is needed by the next
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	switch location := res.Header.Get("Location"); {
	case res.StatusCode == http.StatusSeeOther && strings.HasPrefix(location, "/t/demo/login?next="):
		return "login"
	case res.StatusCode == http.StatusSeeOther:
		return "done"
	}
	return strconv.Itoa(res.StatusCode)
}

// keeping is a jar that gives cookies and takes none.
type keeping struct{ http.CookieJar }

func (keeping) SetCookies(*url.URL, []*http.Cookie) {}

// upload is a form with a file.
func upload(t *testing.T, values url.Values, file func(*world) (string, []byte), w *world) (contentType, body string) {
	t.Helper()
	var out bytes.Buffer
	m := multipart.NewWriter(&out)
	for name, list := range values {
		for _, v := range list {
			if err := m.WriteField(name, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	field, data := file(w)
	part, err := m.CreateFormFile(field, "file")
	if err == nil {
		_, err = part.Write(data)
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return m.FormDataContentType(), out.String()
}

// rows is a hash of what a tenant has in each table, but for what is written when
// somebody only looks: when tokens were last used, who was denied what, and what
// extensions say while deliveries are tried again.
func (w *world) rows(t *testing.T, tenant string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	ctx := app.System(t.Context(), tenant)
	err := w.DB.Read(ctx, func(tx *store.Tx) error {
		tables, err := column(ctx, tx, `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'tenant' WHERE m.type = 'table'`)
		if err != nil {
			return err
		}
		for _, table := range tables {
			if strings.HasPrefix(table, "audit") || table == "extension_logs" {
				continue
			}
			fields, err := column(ctx, tx, `SELECT 'quote(' || name || ')' FROM pragma_table_info(?) WHERE name <> 'last_used'`, table)
			if err != nil {
				return err
			}
			rows, err := column(ctx, tx, `SELECT `+strings.Join(fields, " || ',' || ")+` FROM `+table+` WHERE tenant = ? ORDER BY 1`, tenant)
			if err != nil {
				return err
			}
			sum := sha256.Sum256([]byte(strings.Join(rows, "\n")))
			sums[table] = hex.EncodeToString(sum[:])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(sums) < 10 {
		t.Fatalf("only %d tables hold a tenant's rows", len(sums))
	}
	return sums
}

func column(ctx context.Context, tx *store.Tx, query string, args ...any) (values []string, err error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, rows.Err()
}
