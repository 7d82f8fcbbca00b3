package app_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster/rostertest"
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
// and by 64 at once; and one sync of the disk, measured in the same run.
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
	for _, callers := range []int{1, 64} {
		b.Run("callers="+strconv.Itoa(callers), func(b *testing.B) {
			p := testkit.Start(b, app.Config{})
			ctx := p.Tenant(b, "acme")
			course := p.Course(b, ctx, "course-v1:A+B+1")
			p.Install(b, ctx, policy(b, "acme.policy"), "", map[string]any{"closed_courses": []string{"course-v1:A+Closed*"}})
			ids := people(b, p, ctx, b.N)
			var next atomic.Int64
			b.ResetTimer()
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for {
						i := int(next.Add(1)) - 1
						if i >= b.N {
							return
						}
						if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: ids[i], Course: course}); err != nil {
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
	time.Sleep(200 * time.Millisecond) // what is under way
	stop()
	wg.Wait()
	slices.Sort(lags)
	if len(lags) < n*20 {
		b.Logf("%d of %d arrived", len(lags), n*20)
	}
	b.ReportMetric(float64(lags[len(lags)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(lags[len(lags)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkImport imports TRELLIS_BENCH_ROWS rows (100,000 if not set) through the
// policy in C, and meanwhile measures a write of somebody else.
func BenchmarkImport(b *testing.B) {
	rows := 100_000
	if s := os.Getenv("TRELLIS_BENCH_ROWS"); s != "" {
		rows, _ = strconv.Atoi(s)
	}
	for b.Loop() {
		p := testkit.Start(b, app.Config{})
		ctx := p.Tenant(b, "acme")
		p.Install(b, ctx, policy(b, "acme.policy"), "", map[string]any{"closed_courses": []string{"course-v1:A+Closed*"}})
		f, err := os.CreateTemp(b.TempDir(), "roster")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := rostertest.Generate(f, rostertest.Config{Seed: 3, Schools: 10, Rows: rows}); err != nil {
			b.Fatal(err)
		}
		if _, err := f.Seek(0, 0); err != nil {
			b.Fatal(err)
		}
		job, err := p.Imports.Upload(ctx, "oneroster", f, nil)
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		done := make(chan struct{})
		var lags []time.Duration
		go func() {
			defer close(done)
			for i := 0; ; i++ {
				at := time.Now()
				if _, err := p.Learning.PutOrganisation(ctx, learning.Organisation{Key: "I", Title: strconv.Itoa(i)}); err != nil {
					return
				}
				lags = append(lags, time.Since(at))
				if j, err := p.Jobs.Get(ctx, job.ID); err != nil || j.State.Ended() {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
		<-done
		took := time.Since(began)
		job, err = p.Jobs.Wait(ctx, job.ID)
		if err != nil || job.State != jobs.Done {
			b.Fatalf("job %s %s %v", job.State, job.Error, err)
		}
		var r oneroster.Report
		if err := json.Unmarshal(job.Report, &r); err != nil {
			b.Fatal(err)
		}
		slices.Sort(lags)
		b.ReportMetric(float64(r.Rows)/took.Seconds(), "rows/s")
		b.ReportMetric(float64(lags[len(lags)*99/100].Microseconds())/1000, "p99-write-ms")
		b.ReportMetric(peakMiB(), "peak-MiB")
		p.Stop()
	}
}

// peakMiB is the most memory that this process had, as Linux says.
func peakMiB() float64 {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for _, line := range bytes.Split(raw, []byte("\n")) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(string(rest))[0], 64)
			return kib / 1024
		}
	}
	return 0
}
