package app_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/extensions/bus"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster/rostertest"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/delivery"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// heardType is the event by which the subscriber of the test says what it heard of.
const heardType = "test.recorder.heard"

// deaths are the points at which a life may end by its own hand, and how often they
// are passed before it does, at most.
var deaths = []struct {
	point string
	most  int
}{
	{"import.before-checkpoint", 3}, // the rows are prepared, and nothing is written
	{"import.after-checkpoint", 3},  // committed, and nobody has heard of it
	{"relay.publish", 200},          // some of a batch are on their way to the stream
	{"relay.acked", 3},              // the stream has a batch
	{"delivered", 150},              // a subscriber has done its work, and nobody has noted that
}

// killed is a life that ended by kill -9.
type killed struct {
	point string // or "any time"
	after int64  // rows that it had done when it was last heard of
}

// TestKilled kills the platform in the middle of an import, again and again, half
// of the time at chosen points between commit, relay and acknowledgement. In the
// end the report is right, each committed enrolment was delivered, the extension
// answered each once, and the stream has every event.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED the kills: -short")
	}
	const kills = 24
	district := rostertest.Config{Seed: 11, Schools: 2, Rows: 16_000, Refused: 100, Faults: 30}
	ledger, err := rostertest.Generate(io.Discard, district)
	if err != nil {
		t.Fatal(err)
	}
	dir, at := t.TempDir(), int64(0)
	counts, within := map[string]int{}, 0
	for life := 0; ; life++ {
		if life > 4*kills {
			t.Fatalf("the import does not end: %v", counts)
		}
		var k *killed
		switch {
		case within >= kills:
			k = live(t, dir, district, "", 0, at, 0)
		case life%2 == 0:
			d := deaths[life/2%len(deaths)]
			k = live(t, dir, district, d.point, 1+rand.IntN(d.most), at, 0)
		default:
			k = live(t, dir, district, "", 0, at, 1+rand.IntN(4))
		}
		if k == nil {
			break
		}
		if counts[k.point]++; k.after < int64(ledger.First.Rows) {
			within++
		}
		at = max(at, k.after)
	}
	t.Logf("%d kills before the last row was done: %v", within, counts)
	if within < 20 {
		t.Errorf("%d kills fell into the import, want at least 20", within)
	}
	for _, d := range deaths {
		if counts[d.point] == 0 {
			t.Errorf("no life ended at %s", d.point)
		}
	}

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
	// The policy refuses nothing here: closed courses are as open as any.
	if diff := rostertest.Compare(report, opened(ledger.First)); diff != "" {
		t.Error(diff)
	}
	created := p.Events(t, ctx, enrollment+"created.v1")
	consuming, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- consume(consuming, p.App, dir, func() error { return nil }) }()
	settled(t, p, ctx, dir, len(created))
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	heard := map[string]int{}
	for _, e := range p.Events(t, ctx, heardType) {
		heard[e.Cause]++
	}
	everything, err := p.DB.Log().Find(store.Platform(ctx), 0, 1_000_000, "", "", "")
	if err != nil {
		t.Fatal(err)
	}
	// Nothing is lost that is on its way at the moment.
	testkit.Eventually(t, "the stream has everything", func() bool { return p.Bus.Relayed() >= everything[len(everything)-1].Position })
	p.Stop()
	streamed, delivered := readStream(t, filepath.Join(dir, "nats")), consumed(t, dir)
	undelivered, again, unheard, twice, unstreamed := 0, 0, 0, 0, 0
	for _, e := range created {
		undelivered += btoi(delivered[e.ID] == 0)
		again += btoi(delivered[e.ID] > 1)
		unheard += btoi(heard[e.ID] == 0)
		twice += btoi(heard[e.ID] > 1)
	}
	for _, e := range everything {
		unstreamed += btoi(streamed[e.Position] != e.ID)
	}
	t.Logf("%d enrolments: %d were not delivered, %d more than once; of %d the extension did not hear, of %d it spoke twice; of %d events %d are not in the stream",
		len(created), undelivered, again, unheard, twice, len(everything), unstreamed)
	if undelivered+unheard+twice+unstreamed > 0 || len(created) < 10_000 {
		t.Error("something that was committed was lost, or repeated")
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// opened is a ledger for a tenant in which nobody refuses: what it refuses is created.
func opened(r oneroster.Report) oneroster.Report {
	var o oneroster.Report
	refused := map[string]int{}
	for _, x := range r.Refused {
		refused[x.File]++
	}
	for name, c := range r.Files {
		c.Created += refused[name]
		c.Refused -= refused[name]
		if o.Files == nil {
			o.Files = map[string]oneroster.Counts{}
		}
		o.Files[name] = c
	}
	o.Rows, o.Created, o.Changed, o.Removed, o.Unchanged, o.Skipped = r.Rows, r.Created+len(r.Refused), r.Changed, r.Removed, r.Unchanged, r.Skipped
	o.Invalid = r.Invalid
	return o
}

// live runs the platform in a process of its own until it dies, and says how; or
// returns nil if it has done all its work. With a point it dies there when it passes
// for the n-th time. With ticks it is killed so many ticks after it has got on beyond
// at rows.
func live(t *testing.T, dir string, district rostertest.Config, point string, n int, at int64, ticks int) *killed {
	t.Helper()
	raw, err := json.Marshal(district)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "TRELLIS_TEST_LIFE="+dir, "TRELLIS_TEST_DISTRICT="+string(raw), fmt.Sprintf("TRELLIS_TEST_DIE=%s %d", point, n))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	k, all := &killed{point: point, after: at}, false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "done" {
			all = true
			continue
		}
		if _, err := fmt.Sscan(lines.Text(), &k.after); err != nil {
			t.Errorf("a life says %q", lines.Text())
		}
		if ticks > 0 && k.after > at {
			if ticks--; ticks == 0 {
				k.point = "any time"
				if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Error(err)
				}
			}
		}
	}
	err = cmd.Wait()
	switch {
	case all && err == nil:
		return nil
	case err == nil || cmd.ProcessState.ExitCode() == 1:
		t.Fatalf("a life ended by itself: %v", err)
	}
	return k
}

// life is the process of [live].
func life(dir string) {
	if archive := os.Getenv("TRELLIS_TEST_ARCHIVE"); archive != "" {
		exit(measure(dir, archive, os.Getenv("TRELLIS_TEST_BUNDLE")))
	}
	var point string
	var left int
	_, _ = fmt.Sscan(os.Getenv("TRELLIS_TEST_DIE"), &point, &left) // there may be none
	exit(liveOn(context.Background(), dir, &death{point: point, left: left}))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "life:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// death ends this process at a point, when it is passed often enough.
type death struct {
	mu    chan struct{}
	point string
	left  int
}

// pass passes a point. It does not return if this was once too often.
func (d *death) pass(point string) error {
	d.mu <- struct{}{}
	defer func() { <-d.mu }()
	if point == d.point {
		if d.left--; d.left == 0 {
			return kill()
		}
	}
	return nil
}

func liveOn(ctx context.Context, dir string, d *death) error {
	d.mu = make(chan struct{}, 1)
	a, err := app.New(ctx, app.Config{
		Dir: dir, Unsigned: true, Fault: d.pass, Lease: 200 * time.Millisecond, Quotas: hostapi.Quotas{Reads: -1, Writes: -1},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	tenant := app.System(ctx, "acme")
	if err := firstLife(ctx, a, tenant); err != nil {
		return err
	}
	run, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 2)
	go func() { done <- a.Run(run, nil, nil) }()
	go func() { done <- consume(run, a, dir, func() error { return d.pass("delivered") }) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ended := false; !ended; {
		<-tick.C
		list, err := a.Jobs.List(tenant, jobs.Query{Kind: "import.oneroster"})
		if err != nil {
			return err
		}
		for _, job := range list.Items {
			fmt.Println(job.Progress.Done)
			ended = job.State.Ended()
		}
	}
	stop()
	if err := errors.Join(<-done, <-done, a.Close()); err != nil {
		return err
	}
	fmt.Println("done")
	return nil
}

// consume is a subscriber in Go: it keeps the ID of each enrolment that it hears of in
// a file, and then calls heard.
func consume(ctx context.Context, a *app.App, dir string, heard func() error) error {
	f, err := os.OpenFile(filepath.Join(dir, "heard"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = a.Bus.Consume(ctx, "test", enrollment+"created.v1", func(_ context.Context, e trellis.Event) error {
		if _, err := f.WriteString(e.ID + "\n"); err != nil {
			return err
		}
		return heard()
	})
	return errors.Join(err, f.Close())
}

// consumed returns how often each ID was heard of.
func consumed(t *testing.T, dir string) map[string]int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "heard"))
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, id := range strings.Fields(string(raw)) {
		times[id]++
	}
	return times
}

// firstLife sets the scene, unless an earlier life has.
func firstLife(ctx context.Context, a *app.App, tenant context.Context) error {
	if list, err := a.Jobs.List(tenant, jobs.Query{}); err != nil || len(list.Items) > 0 {
		return err
	}
	if _, err := a.Learning.PutTenant(app.System(ctx, trellis.PlatformTenant), learning.PutTenant{Name: "acme", Title: "Acme"}); err != nil {
		return err
	}
	module, err := os.ReadFile("testdata/recorder.wasm")
	if err != nil {
		return err
	}
	manifest, err := json.Marshal(map[string]any{"id": "test.recorder", "version": "1.0.0", "abi": 1, "title": "Recorder", "permissions": []string{"events:emit"},
		"events": []any{map[string]any{"on": enrollment + "created.v1", "call": "hear"}}})
	if err != nil {
		return err
	}
	b, err := bundle.Make(map[string][]byte{"extension.json": manifest, "main.wasm": module})
	if err != nil {
		return err
	}
	var zip, archive bytes.Buffer
	if err := b.Write(&zip); err != nil {
		return err
	}
	if _, err := a.Registry.Install(tenant, zip.Bytes(), extensions.Scope{}); err != nil {
		return err
	}
	if _, err := a.Registry.Enable(tenant, extensions.Enable{ID: "test.recorder", Grants: []string{"*"}}); err != nil {
		return err
	}
	var district rostertest.Config
	if err := json.Unmarshal([]byte(os.Getenv("TRELLIS_TEST_DISTRICT")), &district); err != nil {
		return err
	}
	if _, err := rostertest.Generate(&archive, district); err != nil {
		return err
	}
	_, err = a.Imports.Upload(tenant, "oneroster", &archive, nil)
	return err
}

// settled waits until n events were delivered, the extension has heard of as many, and
// the stream has all, as long as that gets on.
func settled(t *testing.T, p *testkit.Platform, ctx context.Context, dir string, n int) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for before, moved := -1, time.Now(); ; <-tick.C {
		heard, delivered := len(p.Events(t, ctx, heardType)), len(consumed(t, dir))
		if delivered >= n && heard >= n && p.Bus.Relayed() >= p.DB.Log().Head() {
			return
		}
		if heard+delivered != before {
			before, moved = heard+delivered, time.Now()
		}
		if time.Since(moved) > 60*time.Second {
			x, err := p.Registry.Get(ctx, "test.recorder", extensions.Scope{})
			open, err2 := p.Ledger.List(ctx, delivery.Query{Limit: 20})
			t.Errorf("of %d, %d were delivered and %d heard of, %d of %d relayed; the extension is %s %s %v; open: %+v %v", n, delivered, heard, p.Bus.Relayed(), p.DB.Log().Head(), x.State, x.Reason, err, open.Items, err2)
			return
		}
	}
}

// readStream opens the files of a NATS server that has stopped, and returns the IDs of
// the events in the stream by position.
func readStream(t *testing.T, dir string) map[uint64]string {
	t.Helper()
	s, err := server.NewServer(&server.Options{JetStream: true, StoreDir: dir, DontListen: true, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	conn, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), bus.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := stream.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[uint64]string{}
	for pending := stream.CachedInfo().State.Msgs; pending > 0; {
		batch, err := consumer.Fetch(1000, jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		got := uint64(0)
		for m := range batch.Messages() {
			var position uint64
			if _, err := fmt.Sscan(m.Headers().Get("ce-position"), &position); err != nil {
				t.Fatal(err)
			}
			id := m.Headers().Get("ce-id")
			if earlier, ok := ids[position]; ok && earlier != id {
				t.Errorf("position %d is %s and %s", position, earlier, id)
			}
			ids[position] = id
			got++
		}
		if pending -= min(got, pending); got == 0 {
			t.Fatalf("%d messages do not come (%v)", pending, batch.Error())
		}
	}
	return ids
}
