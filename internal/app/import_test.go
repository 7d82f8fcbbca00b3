package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/integrations"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster/rostertest"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/blob"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/secret"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// roster imports an archive over HTTP and returns the job's report.
func roster(t *testing.T, p *testkit.Platform, ctx context.Context, token string, archive io.Reader) oneroster.Report {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", p.URL+"/api/v1/imports/oneroster", archive)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var job jobs.Job
	if err := json.NewDecoder(res.Body).Decode(&job); err != nil || res.StatusCode != 202 {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	job, err = p.Jobs.Wait(ctx, job.ID)
	if err != nil || job.State != jobs.Done {
		t.Fatalf("job %+v, %v", job, err)
	}
	var report oneroster.Report
	if err := json.Unmarshal(job.Report, &report); err != nil {
		t.Fatal(err)
	}
	if err := report.Check(); err != nil {
		t.Error(err)
	}
	return report
}

// TestFixtureRosters imports real rosters through the policy in C.
func TestFixtureRosters(t *testing.T) {
	dir := filepath.Join(testkit.Root(t), "..", "shared", "fixtures", "oneroster")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("SKIPPED the real rosters: ../shared/fixtures is absent")
	}
	p := testkit.Start(t, app.Config{})
	demo, err := p.SeedDemo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx := app.System(t.Context(), app.DemoTenant)
	_, token := p.Person(t, ctx, "registrar", learning.Assign{Role: trellis.RoleTenantAdmin})
	_ = demo
	// In the demo the registrar is not there, and the roster's people have other numbers.
	if _, err := p.Registry.Set(ctx, "trellis-demo.enrollment-policy-c", "", json.RawMessage(`{"blocked_numbers":[8]}`)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		file                   string
		rows, created, refused int
	}{{"Test_full_data_set.zip", 20, 9, 1}, {"oneroster_test_data.zip", 9, 3, 0}} {
		raw, err := os.ReadFile(filepath.Join(dir, tt.file))
		if err != nil {
			t.Fatal(err)
		}
		r := roster(t, p, ctx, token, bytes.NewReader(raw))
		if got := r.Total(); got.Rows != tt.rows || got.Created != tt.created || got.Refused != tt.refused || got.Invalid != 0 {
			t.Errorf("%s: %+v", tt.file, got)
		}
		for _, x := range r.Refused {
			if x.Message != "You may not enrol at present." || x.Extension != "trellis-demo.enrollment-policy-c" {
				t.Errorf("refused %+v", x)
			}
		}
		again := roster(t, p, ctx, token, bytes.NewReader(raw))
		if got := again.Total(); got.Created+got.Changed+got.Removed != 0 || got.Refused != tt.refused {
			t.Errorf("%s once more: %+v", tt.file, got)
		}
	}
	status, zip := p.Do(t, token, "GET", "/api/v1/exports/oneroster", "")
	if status != 200 {
		t.Fatalf("export: %d", status)
	}
	third := roster(t, p, ctx, token, strings.NewReader(zip))
	if got := third.Total(); got.Created+got.Changed+got.Removed+got.Invalid+got.Refused != 0 {
		t.Errorf("what was exported and imported again: %+v", got)
	}
	created := p.Events(t, ctx, enrollment+"created.v1")
	testkit.Eventually(t, "a welcome for each", func() bool { return len(p.Events(t, ctx, "trellis-demo.welcome-c.greeted")) == len(created) })
}

// districtPolicy refuses what the generator's ledger says is refused.
type districtPolicy struct{}

func (districtPolicy) Filter(_ context.Context, q trellis.Question) ([]byte, error) {
	no := &trellis.Refusal{Extension: "test.policy", Filter: q.Type, Code: "no", Message: "No."}
	switch q.Type {
	case learning.RegistrationRequested.Name():
		if bytes.Contains(q.Data, []byte("@refused.example")) {
			return nil, no
		}
	case learning.EnrollmentStarted.Name():
		if key, err := trellis.ParseCourseKey(q.Course); err == nil && strings.HasPrefix(key.Code, "CLOSED") {
			return nil, no
		}
	}
	return q.Data, nil
}

// core is the core with imports, and a policy in Go.
func core(t testing.TB, filters trellis.Filters) (*integrations.Integrations, *jobs.Jobs, *store.DB) {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "trellis.db")})
	if err != nil {
		t.Fatal(err)
	}
	l, err1 := learning.New(t.Context(), learning.Config{DB: db, Filters: filters})
	js, err2 := jobs.New(t.Context(), jobs.Config{DB: db, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	blobs, err3 := blob.Open(filepath.Join(dir, "blobs"))
	key, err4 := secret.Open(filepath.Join(dir, "key"))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	in, err := integrations.New(t.Context(), integrations.Config{Learning: l, Jobs: js, DB: db, Blobs: blobs, Key: key, TempDir: filepath.Join(dir, "tmp")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- js.Run(ctx, in.Kinds()) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, db.Close()); err != nil {
			t.Error(err)
		}
	})
	if _, err := l.PutTenant(app.System(t.Context(), trellis.PlatformTenant), learning.PutTenant{Name: "acme", Title: "Acme"}); err != nil {
		t.Fatal(err)
	}
	return in, js, db
}

// TestDistrict: an import reports what the generator says that it must.
func TestDistrict(t *testing.T) {
	in, js, _ := core(t, districtPolicy{})
	ctx := app.System(t.Context(), "acme")
	for _, delta := range []bool{false, true} {
		for _, again := range []bool{false, true} {
			var zip bytes.Buffer
			ledger, err := rostertest.Generate(&zip, rostertest.Config{Seed: 7, Schools: 3, Rows: 5000, Refused: 200, RefusedPeople: 20, Faults: 70, Deletions: 60, Delta: delta})
			if err != nil {
				t.Fatal(err)
			}
			job, err := in.Upload(ctx, "oneroster", &zip, nil)
			if err != nil {
				t.Fatal(err)
			}
			if job, err = js.Wait(ctx, job.ID); err != nil || job.State != jobs.Done {
				t.Fatalf("job %s %s, %v", job.State, job.Error, err)
			}
			var got oneroster.Report
			if err := json.Unmarshal(job.Report, &got); err != nil {
				t.Fatal(err)
			}
			want := ledger.First
			if again {
				want = ledger.Again
			}
			if diff := rostertest.Compare(got, want); diff != "" {
				t.Errorf("delta %v, again %v: %s", delta, again, diff)
			}
			t.Logf("delta %v, again %v: %s", delta, again, got)
		}
	}
}

// TestKilled kills the platform in the middle of an import, again and again, half
// of the time at chosen points between commit, relay and acknowledgement. In the
// end the report is right, and each committed enrolment was heard of exactly once.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED the kills: -short")
	}
	const rows, kills = 10_000, 24
	dir := t.TempDir()
	points := []string{"import.before-checkpoint", "import.after-checkpoint", "relay.publish", "relay.acked"}
	counts := map[string]int{}
	dead := 0
	for life := 0; ; life++ {
		if life > 200 {
			t.Fatal("the import does not end")
		}
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), "TRELLIS_TEST_LIFE="+dir, "TRELLIS_TEST_ROWS="+strconv.Itoa(rows))
		point := "any time"
		if dead < kills && life%2 == 0 {
			point = points[life/2%len(points)]
			cmd.Env = append(cmd.Env, "TRELLIS_TEST_DIE="+point)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if dead < kills && point == "any time" {
			line := make([]byte, 6)
			_, _ = io.ReadFull(out, line) // it runs
			timer := time.AfterFunc(time.Duration(200+rand.IntN(120))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			_ = cmd.Wait()
			timer.Stop()
		} else {
			raw, _ := io.ReadAll(out)
			_ = cmd.Wait()
			if strings.Contains(string(raw), "done\n") {
				break
			}
		}
		if !cmd.ProcessState.Success() {
			dead++
			counts[point]++
		}
	}
	t.Logf("%d kills: %v", dead, counts)
	p := testkit.Start(t, app.Config{Dir: dir})
	ctx := app.System(t.Context(), "acme")
	list, err := p.Jobs.List(ctx, jobs.Query{Kind: "import.oneroster"})
	if err != nil || len(list.Items) != 1 || list.Items[0].State != jobs.Done {
		t.Fatalf("jobs %+v, %v", list, err)
	}
	var report oneroster.Report
	if err := json.Unmarshal(list.Items[0].Report, &report); err != nil {
		t.Fatal(err)
	}
	ledger, err := rostertest.Generate(io.Discard, districtOf(rows))
	if err != nil {
		t.Fatal(err)
	}
	if diff := rostertest.Compare(report, ledger.First); diff != "" {
		t.Error(diff)
	}
	created := p.Events(t, ctx, enrollment+"created.v1")
	began := time.Now()
	for before := -1; ; { // as long as it gets on
		n := len(p.Events(t, ctx, "test.recorder.heard"))
		rest, err := p.Ledger.List(ctx, deliveryQuery())
		if err != nil {
			t.Fatal(err)
		}
		if len(rest.Items) == 0 && n >= len(created) {
			break
		}
		if time.Since(began) > 10*time.Second {
			if n == before {
				t.Logf("%d of %d heard of, waiting: %+v", n, len(created), rest.Items)
				break
			}
			before, began = n, time.Now()
		}
		time.Sleep(50 * time.Millisecond) // the platform is real, and so is its time
	}
	heard := map[string]int{}
	for _, e := range p.Events(t, ctx, "test.recorder.heard") {
		heard[e.Cause]++
	}
	missing, twice := 0, 0
	for _, e := range created {
		switch n := heard[e.ID]; {
		case n == 0:
			missing++
		case n > 1:
			twice++
		}
	}
	t.Logf("%d enrolments, %d heard of, %d missing, %d twice", len(created), len(heard), missing, twice)
	if missing+twice > 0 || dead < 20 {
		t.Errorf("%d missing, %d twice, %d kills", missing, twice, dead)
	}
}

func districtOf(rows int) rostertest.Config {
	return rostertest.Config{Seed: 11, Schools: 2, Rows: rows * 8 / 5}
}

// life runs the platform until its import and every delivery is done, or it dies.
func life(dir string) {
	if archive := os.Getenv("TRELLIS_TEST_ARCHIVE"); archive != "" {
		if err := measure(dir, archive, os.Getenv("TRELLIS_TEST_BUNDLE")); err != nil {
			fmt.Fprintln(os.Stderr, "measure:", err)
			os.Exit(1)
		}
		return
	}
	rows, _ := strconv.Atoi(os.Getenv("TRELLIS_TEST_ROWS"))
	die, hits := os.Getenv("TRELLIS_TEST_DIE"), 1
	fault := func(point string) error {
		if point == die {
			if hits--; hits <= 0 {
				_ = kill()
			}
		}
		return nil
	}
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "life:", err)
			os.Exit(1)
		}
	}
	a, err := app.New(ctx, app.Config{Dir: dir, Unsigned: true, Fault: fault, Lease: 200 * time.Millisecond, Quotas: hostapi.Quotas{Reads: -1, Writes: -1}, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	must(err)
	tenant := app.System(ctx, "acme")
	if list, err := a.Jobs.List(tenant, jobs.Query{}); err == nil && len(list.Items) == 0 {
		_, err := a.Learning.PutTenant(app.System(ctx, trellis.PlatformTenant), learning.PutTenant{Name: "acme", Title: "Acme"})
		must(err)
		module, err := os.ReadFile("testdata/recorder.wasm")
		must(err)
		manifest, err := json.Marshal(map[string]any{"id": "test.recorder", "version": "1.0.0", "abi": 1, "title": "Recorder", "permissions": []string{"events:emit"},
			"events": []any{map[string]any{"on": enrollment + "created.v1", "call": "hear"}}})
		must(err)
		b, err := extensions.Make(map[string][]byte{"extension.json": manifest, "main.wasm": module})
		must(err)
		var zip, archive bytes.Buffer
		must(b.Write(&zip))
		_, err = a.Registry.Install(tenant, zip.Bytes(), extensions.Scope{})
		must(err)
		_, err = a.Registry.Enable(tenant, extensions.Enable{ID: "test.recorder", Grants: []string{"*"}})
		must(err)
		_, err = rostertest.Generate(&archive, districtOf(rows))
		must(err)
		_, err = a.Imports.Upload(tenant, "oneroster", &archive, nil)
		must(err)
	}
	run, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- a.Run(run, nil, nil) }()
	fmt.Println("begun")
	for {
		time.Sleep(20 * time.Millisecond) // a process of its own, which watches itself
		list, err := a.Jobs.List(tenant, jobs.Query{Kind: "import.oneroster"})
		if err == nil && len(list.Items) == 1 && list.Items[0].State.Ended() {
			break
		}
	}
	stop()
	must(errors.Join(<-done, a.Close()))
	fmt.Println("done")
}
