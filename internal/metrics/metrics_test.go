package metrics_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis/internal/metrics"
)

func scrape(r *metrics.Registry) (int, string) {
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Code, w.Body.String()
}

func TestInstruments(t *testing.T) {
	r := metrics.New()
	r.HTTPRequest("GET", "/api/v1/courses/:id", 404, 20*time.Millisecond)
	r.HTTPRequest("BREW", "/pot", 418, time.Millisecond)
	r.FilterStep("acme.policy", "org.example.x.v1", "refused", time.Millisecond)
	r.GuestCall("acme.policy", "ok", 7, time.Millisecond)
	r.Slot("course.sidebar.v1", "late", time.Millisecond)
	r.Delivery("subscribers", "failed", 2*time.Second)
	r.Job("import.oneroster", "done")
	r.RelayLag(3)
	r.Streams(2)
	r.Instances(func() (int, int64) { return 5, 1 << 20 })
	code, body := scrape(r)
	if code != 200 {
		t.Fatalf("status %d", code)
	}
	for _, want := range []string{
		`trellis_http_request_seconds_count{method="GET",route="/api/v1/courses/:id",status="4xx"} 1`,
		`trellis_http_request_seconds_count{method="other",route="/pot",status="4xx"} 1`,
		`trellis_filter_step_seconds_count{extension="acme.policy",filter="org.example.x.v1",outcome="refused"} 1`,
		`trellis_guest_call_seconds_count{extension="acme.policy",outcome="ok"} 1`,
		`trellis_guest_fuel_total{extension="acme.policy"} 7`,
		`trellis_slot_seconds_count{outcome="late",slot="course.sidebar.v1"} 1`,
		`trellis_deliveries_total{outcome="failed",role="subscribers"} 1`,
		`trellis_delivery_lag_seconds_bucket{role="subscribers",le="2.5"} 1`,
		`trellis_jobs_total{kind="import.oneroster",state="done"} 1`,
		"trellis_relay_lag_events 3",
		"trellis_streams 2",
		"trellis_instances 5",
		"trellis_instances_bytes 1.048576e+06",
		"go_goroutines ",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
}

// TestBounded: however many extensions there are, their names are 500 at most.
func TestBounded(t *testing.T) {
	r := metrics.New()
	for i := range 600 {
		r.GuestCall(fmt.Sprint("acme.x", i), "ok", 1, 0)
	}
	_, body := scrape(r)
	if n := strings.Count(body, "trellis_guest_fuel_total{"); n != 501 {
		t.Errorf("%d names", n)
	}
	if !strings.Contains(body, `trellis_guest_fuel_total{extension="other"} 100`) {
		t.Error("the others are not counted together")
	}
}

func TestNil(t *testing.T) {
	var r *metrics.Registry
	r.HTTPRequest("GET", "/", 200, 0)
	r.FilterStep("", "", "", 0)
	r.GuestCall("", "", 0, 0)
	r.Slot("", "", 0)
	r.Delivery("", "", 0)
	r.Job("", "")
	r.RelayLag(0)
	r.Streams(0)
	if code, _ := scrape(r); code != 404 {
		t.Errorf("status %d", code)
	}
}

func Example() {
	r := metrics.New()
	r.Job("import.oneroster", "done")
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "trellis_jobs_total") {
			fmt.Print(line)
		}
	}
	// Output: trellis_jobs_total{kind="import.oneroster",state="done"} 1
}
