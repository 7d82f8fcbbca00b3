package app_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/examples"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// The storm: so many pages are open while so many people enrol.
const (
	watchers    = 200
	stormRate   = 500 // a second
	stormLength = 10 * time.Second
	stormCourse = "course-v1:Storm+Live+2026"
)

// BenchmarkStorm is a course page with the live card, open 200 times, while 500
// people a second enrol for ten seconds. Clients and server share the machine. It
// reports how long a page shows less than the truth: from the answer of an
// enrolment to the arrival of a card that counts it.
func BenchmarkStorm(b *testing.B) {
	for b.Loop() {
		storm(b)
	}
}

func storm(b *testing.B) {
	p := testkit.Start(b, app.Config{})
	ctx := p.Tenant(b, "storm")
	p.Course(b, ctx, stormCourse)
	liveCard, err := bundle.Make(map[string][]byte{"extension.json": examples.LiveCard, "main.wasm": wasm.LiveCard})
	if err != nil {
		b.Fatal(err)
	}
	var zip strings.Builder
	if err := liveCard.Write(&zip); err != nil {
		b.Fatal(err)
	}
	p.Install(b, ctx, []byte(zip.String()), "", nil)
	crowd := people(b, p, ctx, int(stormLength/time.Second)*stormRate)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * watchers}}
	truth := &truth{}
	pages := make([]*watched, watchers)
	var wg sync.WaitGroup
	following, stop := context.WithCancel(b.Context())
	ready := make(chan error, watchers)
	for i := range pages {
		_, token := p.Person(b, ctx, fmt.Sprint("watcher", i))
		pages[i] = &watched{client: client, url: p.URL, token: token, truth: truth}
		wg.Go(func() { pages[i].watch(following, ready) })
	}
	for range pages {
		if err := <-ready; err != nil {
			b.Fatal(err)
		}
	}
	goruntime.GC()
	var before, during goruntime.MemStats
	goruntime.ReadMemStats(&before)
	truth.enrol(b, p, ctx, crowd)
	goruntime.ReadMemStats(&during)
	ended := time.Now()
	testkit.Eventually(b, "every page shows the truth", func() bool {
		return !slices.ContainsFunc(pages, func(w *watched) bool { return w.now() < len(crowd) })
	})
	settled := time.Since(ended)
	stop()
	wg.Wait()
	var lags []time.Duration
	fetched := 0
	for _, w := range pages {
		lags = append(lags, w.lags...)
		fetched += w.fetched
	}
	slices.Sort(lags)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(lags[len(lags)/2]), "p50-ms")
	b.ReportMetric(ms(lags[len(lags)*99/100]), "p99-ms")
	b.ReportMetric(ms(lags[len(lags)-1]), "max-ms")
	b.ReportMetric(ms(settled), "settled-ms")
	b.ReportMetric(float64(len(crowd))/truth.took.Seconds(), "enrolments/s")
	b.ReportMetric(float64(fetched)/truth.took.Seconds(), "cards/s")
	b.ReportMetric(float64(before.HeapInuse)/(1<<20), "heap-before-MiB")
	b.ReportMetric(float64(during.HeapInuse)/(1<<20), "heap-after-MiB")
}

// truth knows when which enrolment was answered.
type truth struct {
	mu   sync.Mutex
	at   []time.Time
	took time.Duration
}

// enrol enrols a crowd at the rate of the storm.
func (t *truth) enrol(b *testing.B, p *testkit.Platform, ctx context.Context, crowd []string) {
	began := time.Now()
	var wg sync.WaitGroup
	next := make(chan string)
	for range 16 {
		wg.Go(func() {
			for id := range next {
				if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: id, Course: stormCourse}); err != nil {
					b.Error(err)
				}
				t.mu.Lock()
				t.at = append(t.at, time.Now())
				t.mu.Unlock()
			}
		})
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for sent := 0; sent < len(crowd); {
		<-tick.C
		for due := min(len(crowd), int(time.Since(began).Seconds()*stormRate)); sent < due; sent++ {
			next <- crowd[sent]
		}
	}
	close(next)
	wg.Wait()
	t.took = time.Since(began)
}

// since returns when the truth first was more than n.
func (t *truth) since(n int) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n >= len(t.at) {
		return time.Time{}, false
	}
	return t.at[n], true
}

// watched is a page that somebody has open, as its script keeps it.
type watched struct {
	client     *http.Client
	url, token string
	truth      *truth

	mu      sync.Mutex
	shown   int
	fetched int
	lags    []time.Duration // of each card, how long the one before it was behind
}

func (w *watched) now() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shown
}

func (w *watched) get(ctx context.Context, path string, head ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", w.url+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	for i := 0; i+1 < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	return w.client.Do(req)
}

// watch follows the stream, and fetches the card when it is stale.
func (w *watched) watch(ctx context.Context, ready chan<- error) {
	res, err := w.get(ctx, "/slots/live?slot=course.sidebar.v1&course="+url.QueryEscape(stormCourse))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("the stream answers %d", res.StatusCode)
	}
	ready <- err
	if err != nil {
		return
	}
	defer func() { _ = res.Body.Close() }()
	stale := make(chan struct{}, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for range stale {
			if err := w.fetch(ctx); err != nil {
				return // the storm is over
			}
		}
	})
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if lines.Text() == "event: stale" {
			select {
			case stale <- struct{}{}:
			default: // it is about to be fetched
			}
		}
	}
	close(stale)
	wg.Wait()
}

var counted = regexp.MustCompile(`>([0-9,]+)</strong>`)

func (w *watched) fetch(ctx context.Context) error {
	res, err := w.get(ctx, "/courses/"+url.PathEscape(stormCourse), "Trellis-Fragment", "course.sidebar.v1")
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	n := 0
	if m := counted.FindSubmatch(raw); m != nil {
		n, _ = strconv.Atoi(strings.ReplaceAll(string(m[1]), ",", "")) // digits
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fetched++
	if since, ok := w.truth.since(w.shown); ok && n > w.shown {
		w.lags = append(w.lags, time.Since(since))
	}
	w.shown = max(w.shown, n)
	return nil
}
