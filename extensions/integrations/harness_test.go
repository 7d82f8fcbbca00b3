package integrations_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/internal/blob"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/secret"
	"github.com/trellis-learning/trellis/internal/store"
)

// core is a tenant of the core with imports.
type core struct {
	*learning.Learning
	t       *testing.T
	ctx     context.Context // in which the system acts
	dir     string
	logs    *bytes.Buffer
	db      *store.DB
	jobs    *jobs.Jobs
	imports *integrations.Integrations
}

// filters answers the questions of the core.
type filters func(ctx context.Context, q trellis.Question) ([]byte, error)

func (f filters) Filter(ctx context.Context, q trellis.Question) ([]byte, error) {
	if f == nil {
		return q.Data, nil
	}
	return f(ctx, q)
}

// idle makes a core whose jobs do not run.
func idle(t *testing.T, f filters) *core {
	t.Helper()
	c := &core{t: t, dir: t.TempDir(), logs: &bytes.Buffer{}}
	log := slog.New(slog.NewTextHandler(c.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if c.db, err = store.Open(t.Context(), store.Config{Path: filepath.Join(c.dir, "trellis.db"), Logger: log}); err != nil {
		t.Fatal(err)
	}
	var errs [5]error
	var blobs *blob.Store
	var key *secret.Key
	c.Learning, errs[0] = learning.New(t.Context(), learning.Config{DB: c.db, Filters: f, Logger: log})
	c.jobs, errs[1] = jobs.New(t.Context(), jobs.Config{DB: c.db, Poll: 5 * time.Millisecond, Logger: log, Again: func(ctx context.Context, job jobs.Job) error { return c.imports.Again(ctx, job) }})
	blobs, errs[2] = blob.Open(filepath.Join(c.dir, "blobs"))
	key, errs[3] = secret.Open(filepath.Join(c.dir, "key"))
	c.imports, errs[4] = integrations.New(t.Context(), integrations.Config{
		Learning: c.Learning, Jobs: c.jobs, DB: c.db, Blobs: blobs, Key: key, TempDir: filepath.Join(c.dir, "tmp"), Logger: log,
	})
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	system := func(tenant string) context.Context {
		return trellis.WithActor(t.Context(), trellis.Actor{Tenant: tenant, ID: "test", Kind: trellis.SystemActor})
	}
	c.ctx = system("acme")
	if _, err := c.PutTenant(system(trellis.PlatformTenant), learning.PutTenant{Name: "acme", Title: "Acme"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// start makes a core whose jobs run until the test ends.
func start(t *testing.T, f filters) *core {
	t.Helper()
	c := idle(t, f)
	c.run()
	return c
}

func (c *core) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- c.jobs.Run(ctx, c.imports.Kinds()) }()
	go func() { ended <- c.imports.Run(ctx) }()
	c.t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, <-ended); err != nil {
			c.t.Error(err)
		}
	})
}

// pack makes an archive of files, given as name and content by turns. The manifest
// says that one is a delta if its name begins with "delta:".
func pack(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := zip.NewWriter(&b)
	write := func(name, content string) {
		f, err := zw.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store}) // a large one would be taken for a bomb
		if err == nil {
			_, err = f.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	manifest := "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n"
	for i := 0; i < len(files); i += 2 {
		name, delta := strings.CutPrefix(files[i], "delta:")
		mode := map[bool]string{false: "bulk", true: "delta"}[delta]
		manifest += "file." + name + "," + mode + "\n"
		write(name+".csv", files[i+1])
	}
	write("manifest.csv", manifest+"source.systemName,Test\nsource.systemCode,T\n")
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	orgs        = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\n"
	courses     = "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes\n"
	classes     = "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods\n"
	users       = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password\n"
	enrollments = "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate\n"
	since       = "2026-09-01T08:00:00Z"
)

// rows repeats a line of CSV for 0 to n-1.
func rows(n int, format string, args ...func(int) any) string {
	var b strings.Builder
	for i := range n {
		values := make([]any, len(args))
		for j, arg := range args {
			values[j] = arg(i)
		}
		fmt.Fprintf(&b, format+"\n", values...)
	}
	return b.String()
}

func number(i int) any { return i }

func class(id string) string { return id + ",,,Title of " + id + ",,,code,scheduled,,school,term,,,\n" }

func user(id string) string { return id + ",,,true,school,student," + id + ",,Given,Name,,,,,,,,\n" }

func enrol(id, class, user, role string) string {
	return id + ",,," + class + ",school," + user + "," + role + ",false,,\n"
}

// upload hands over an archive.
func (c *core) upload(options string, archive []byte) jobs.Job {
	c.t.Helper()
	job, err := c.imports.Upload(c.ctx, "oneroster", bytes.NewReader(archive), json.RawMessage(options))
	if err != nil {
		c.t.Fatal(err)
	}
	return job
}

// load imports an archive and returns the report.
func (c *core) load(options string, archive []byte) oneroster.Report {
	c.t.Helper()
	job, err := c.jobs.Wait(c.ctx, c.upload(options, archive).ID)
	if err != nil || job.State != jobs.Done {
		c.t.Fatalf("the job is %s: %s %v", job.State, job.Error, err)
	}
	return c.report(job)
}

func (c *core) report(job jobs.Job) (r oneroster.Report) {
	c.t.Helper()
	if err := json.Unmarshal(job.Report, &r); err != nil {
		c.t.Fatalf("report %s: %v", job.Report, err)
	}
	if err := r.Check(); err != nil {
		c.t.Error(err)
	}
	return r
}

// counts is what became of the rows of a file, without those that are 0.
func counts(r oneroster.Report, file string) string {
	n := r.Files[file]
	var b strings.Builder
	for _, f := range []struct {
		name string
		n    int
	}{{"created", n.Created}, {"changed", n.Changed}, {"removed", n.Removed}, {"unchanged", n.Unchanged}, {"skipped", n.Skipped}, {"refused", n.Refused}, {"invalid", n.Invalid}} {
		if f.n > 0 {
			fmt.Fprintf(&b, "%d %s ", f.n, f.name)
		}
	}
	return strings.TrimSpace(b.String())
}

func (c *core) want(r oneroster.Report, file, want string) {
	c.t.Helper()
	if got := counts(r, file); got != want {
		c.t.Errorf("%s: got %s, want %s\n%s", file, got, want, r)
	}
}

func warned(r oneroster.Report, text string) bool {
	for _, w := range r.Warnings {
		if strings.Contains(w.Message, text) {
			return true
		}
	}
	return false
}

// everybody returns all people by username.
func (c *core) everybody() map[string]learning.Person {
	c.t.Helper()
	all := map[string]learning.Person{}
	if err := c.EachPerson(c.ctx, func(p learning.Person) error {
		all[p.PII.Username] = p
		return nil
	}); err != nil {
		c.t.Fatal(err)
	}
	return all
}

// enrolled counts the enrolments that are active.
func (c *core) enrolled() (n int) {
	c.t.Helper()
	if err := c.EachEnrollment(c.ctx, func(e learning.Enrollment) error {
		if e.Active {
			n++
		}
		return nil
	}); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// blobs counts what is stored.
func (c *core) blobs() (n int) {
	c.t.Helper()
	if err := filepath.WalkDir(filepath.Join(c.dir, "blobs"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	}); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// holds reports which files below the directory have a text in them.
func (c *core) holds(text string) (found []string) {
	c.t.Helper()
	if err := filepath.WalkDir(c.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(p)
		if bytes.Contains(raw, []byte(text)) {
			found = append(found, p)
		}
		return err
	}); err != nil {
		c.t.Fatal(err)
	}
	return found
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
