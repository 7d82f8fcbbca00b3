package app_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster/rostertest"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// people makes n people by an import, which is the quickest way.
func people(b *testing.B, p *testkit.Platform, ctx context.Context, n int) []string {
	b.Helper()
	ids := make([]string, n)
	for from := 0; from < n; from += 200 {
		batch, err := p.Learning.Batch(ctx, learning.Keys{})
		if err != nil {
			b.Fatal(err)
		}
		var changes []store.Change
		for i := from; i < min(n, from+200); i++ {
			c, err := batch.PrepareRegister(ctx, learning.Register{Username: fmt.Sprint("bench", i, "-", trellis.NewTraceID())})
			if err != nil {
				b.Fatal(err)
			}
			ids[i] = c.Person.ID
			changes = append(changes, c)
		}
		if err := p.DB.Write(ctx, changes...); err != nil {
			b.Fatal(err)
		}
	}
	return ids
}

// BenchmarkEnroll is a durable enrolment through the policy in C, by one caller
// and by 64 at once, of the operation, and end to end over HTTP with a token; and
// one sync of the disk, measured in the same run.
func BenchmarkEnroll(b *testing.B) {
	b.Run("fsync", func(b *testing.B) {
		f, err := os.CreateTemp(b.TempDir(), "sync")
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		for b.Loop() {
			if _, err := f.WriteAt(make([]byte, 4096), 0); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, by := range []struct {
		callers int
		http    bool
	}{{1, false}, {64, false}, {1, true}, {64, true}} {
		name := "callers=" + strconv.Itoa(by.callers)
		if by.http {
			name = "http/" + name
		}
		b.Run(name, func(b *testing.B) {
			p := testkit.Start(b, app.Config{})
			ctx := p.Tenant(b, "acme")
			course := p.Course(b, ctx, "course-v1:A+B+1")
			p.Install(b, ctx, policy(b, "acme.policy"), "", map[string]any{"closed_courses": []string{"course-v1:A+Closed*"}})
			ids := people(b, p, ctx, b.N)
			enroll := func(person string) error {
				_, err := p.Learning.Enroll(ctx, learning.Enroll{Person: person, Course: course})
				return err
			}
			if by.http {
				_, token := p.Person(b, ctx, "admin", learning.Assign{Role: trellis.RoleTenantAdmin})
				enroll = func(person string) error {
					if status, body := p.Do(b, token, "POST", "/api/v1/enrollments", `{"course":"`+course+`","person":"`+person+`"}`); status != 201 {
						return fmt.Errorf("%d %s", status, body)
					}
					return nil
				}
			}
			var next atomic.Int64
			b.ResetTimer()
			var wg sync.WaitGroup
			for range by.callers {
				wg.Go(func() {
					for {
						i := int(next.Add(1)) - 1
						if i >= b.N {
							return
						}
						if err := enroll(ids[i]); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "enrolments/s")
		})
	}
}

// BenchmarkStream is the time from a commit to an SSE client: 200 events a second,
// 20 clients.
func BenchmarkStream(b *testing.B) {
	p := testkit.Start(b, app.Config{})
	ctx := p.Tenant(b, "acme")
	_, token := p.Person(b, ctx, "admin", learning.Assign{Role: trellis.RoleTenantAdmin})
	const clients = 16 // an actor may have as many open
	var mu sync.Mutex
	var lags []time.Duration
	run, stop := context.WithCancel(b.Context())
	var wg, ready sync.WaitGroup
	_, second := p.Person(b, ctx, "admin2", learning.Assign{Role: trellis.RoleTenantAdmin})
	for i := range 20 {
		key := token
		if i >= clients {
			key = second
		}
		ready.Add(1)
		wg.Go(func() {
			req, err := http.NewRequestWithContext(run, "GET", p.URL+"/stream/sse?type=org.trellis.organisation.changed.v1", nil)
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+key)
			res, err := http.DefaultClient.Do(req)
			ready.Done()
			if err != nil {
				return
			}
			defer func() { _ = res.Body.Close() }()
			lines := bufio.NewScanner(res.Body)
			for lines.Scan() {
				value, ok := strings.CutPrefix(lines.Text(), "data: ")
				if !ok {
					continue
				}
				var e struct{ Data struct{ Title string } }
				if json.Unmarshal([]byte(value), &e) != nil {
					continue
				}
				sent, err := strconv.ParseInt(e.Data.Title, 10, 64)
				if err != nil {
					continue
				}
				mu.Lock()
				lags = append(lags, time.Since(time.Unix(0, sent)))
				mu.Unlock()
			}
		})
	}
	ready.Wait()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	n := 0
	for range 400 { // the stream's consumer begins in the first second
		<-tick.C
		if _, err := p.Learning.PutOrganisation(ctx, learning.Organisation{Key: "W", Title: strconv.FormatInt(time.Now().UnixNano(), 10)}); err != nil {
			b.Fatal(err)
		}
	}
	mu.Lock()
	lags = nil
	mu.Unlock()
	for b.Loop() {
		<-tick.C
		n++
		if _, err := p.Learning.PutOrganisation(ctx, learning.Organisation{Key: "O" + strconv.Itoa(n%50), Title: strconv.FormatInt(time.Now().UnixNano(), 10)}); err != nil {
			b.Fatal(err)
		}
	}
	arrived := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(lags)
	}
	for late := time.After(5 * time.Second); arrived() < n*20; { // what is under way
		select {
		case <-tick.C:
			continue
		case <-late:
			b.Logf("%d of %d arrived", arrived(), n*20)
		}
		break
	}
	stop()
	wg.Wait()
	slices.Sort(lags)
	b.ReportMetric(float64(lags[len(lags)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(lags[len(lags)*99/100].Microseconds())/1000, "p99-ms")
}

// imported is what a process that imported an archive says of itself.
type imported struct {
	Rows    int
	Seconds float64
	Writes  []float64 // milliseconds of each write of somebody else, in order of size
	PeakMiB float64
	Report  oneroster.Counts
}

// BenchmarkImport imports TRELLIS_BENCH_ROWS rows (100,000 if not set) through the
// policy in C, and meanwhile measures a write of somebody else. The platform runs
// in a process of its own, as `trellis serve` runs it, and the archive is made
// beforehand: its memory is that of the platform and of nothing else.
func BenchmarkImport(b *testing.B) {
	rows := 100_000
	if s := os.Getenv("TRELLIS_BENCH_ROWS"); s != "" {
		var err error
		if rows, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	archive, bundle := filepath.Join(b.TempDir(), "roster.zip"), filepath.Join(b.TempDir(), "policy.trellis")
	f, err := os.Create(archive)
	if err != nil {
		b.Fatal(err)
	}
	ledger, err := rostertest.Generate(f, rostertest.Config{Seed: 3, Schools: 10, Rows: rows})
	if err := errors.Join(err, f.Close(), os.WriteFile(bundle, policy(b, "acme.policy"), 0o600)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "TRELLIS_TEST_LIFE="+b.TempDir(), "TRELLIS_TEST_ARCHIVE="+archive, "TRELLIS_TEST_BUNDLE="+bundle)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			b.Fatal(err)
		}
		var got imported
		if err := json.Unmarshal(out, &got); err != nil {
			b.Fatal(err)
		}
		if want := ledger.First.Total(); got.Report != want {
			b.Fatalf("report %+v, want %+v", got.Report, want)
		}
		b.ReportMetric(float64(got.Rows)/got.Seconds, "rows/s")
		b.ReportMetric(got.Writes[len(got.Writes)/2], "p50-write-ms")
		b.ReportMetric(got.Writes[len(got.Writes)*99/100], "p99-write-ms")
		b.ReportMetric(got.PeakMiB, "peak-MiB")
		cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime() // which others who use the machine do not change much
		b.ReportMetric(float64(cpu.Microseconds())/float64(got.Rows), "cpu-µs/row")
	}
}

// measure imports an archive, writes meanwhile as somebody else, and prints what
// it found.
func measure(dir, archive, bundle string) error {
	app.Lean()
	ctx := context.Background()
	a, err := app.New(ctx, app.Config{
		Dir: dir, Unsigned: true, Compiler: []string{os.Args[0], "compile-child"}, Quotas: hostapi.Quotas{Reads: -1, Writes: -1},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, a.Close())
	}
	run, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- a.Run(run, listener, nil) }()
	found, err := measureImport(app.System(ctx, "acme"), a, archive, bundle)
	stop()
	if err := errors.Join(err, <-ended, a.Close()); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

func measureImport(ctx context.Context, a *app.App, archive, bundle string) (found imported, err error) {
	if _, err := a.Learning.PutTenant(app.System(ctx, trellis.PlatformTenant), learning.PutTenant{Name: "acme", Title: "Acme"}); err != nil {
		return found, err
	}
	zip, err := os.ReadFile(bundle)
	if err != nil {
		return found, err
	}
	if _, err := a.Registry.Install(ctx, zip, extensions.Scope{}); err != nil {
		return found, err
	}
	settings := json.RawMessage(`{"closed_courses":["course-v1:A+Closed*"]}`)
	if _, err := a.Registry.Enable(ctx, extensions.Enable{ID: "acme.policy", Grants: []string{"*"}, Settings: settings}); err != nil {
		return found, err
	}
	f, err := os.Open(archive)
	if err != nil {
		return found, err
	}
	began := time.Now()
	job, err := a.Imports.Upload(ctx, "oneroster", f, nil)
	if err := errors.Join(err, f.Close()); err != nil {
		return found, err
	}
	working, done := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
			case <-working.Done():
				return
			}
			at := time.Now()
			if _, e := a.Learning.PutOrganisation(ctx, learning.Organisation{Key: "I", Title: strconv.Itoa(i)}); e != nil {
				err = e
				return
			}
			found.Writes = append(found.Writes, float64(time.Since(at).Microseconds())/1000)
		}
	})
	job, waited := a.Jobs.Wait(ctx, job.ID)
	found.Seconds = time.Since(began).Seconds()
	done()
	wg.Wait()
	if err := errors.Join(err, waited); err != nil {
		return found, err
	}
	var r oneroster.Report
	if err := json.Unmarshal(job.Report, &r); err != nil || job.State != jobs.Done {
		return found, fmt.Errorf("job %s %s: %w", job.State, job.Error, err)
	}
	slices.Sort(found.Writes)
	found.Rows, found.Report, found.PeakMiB = r.Rows, r.Total(), peakMiB()
	return found, nil
}

// peakMiB is the most memory that this process had, as Linux says; 0 elsewhere.
func peakMiB() float64 {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(raw) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(string(rest))[0], 64)
			return kib / 1024
		}
	}
	return 0
}
