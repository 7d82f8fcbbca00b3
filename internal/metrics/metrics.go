// Package metrics counts and measures for Prometheus. It holds the few
// instruments that several packages share, with labels whose values are bounded:
// an extension beyond the five hundredth is counted as "other".
//
// The methods of a nil Registry do nothing, so a package can take an optional one.
package metrics

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Registry is a set of instruments. It is safe for concurrent use.
type Registry struct {
	reg        *prometheus.Registry
	requests   *prometheus.HistogramVec
	filters    *prometheus.HistogramVec
	guests     *prometheus.HistogramVec
	slots      *prometheus.HistogramVec
	fuel       *prometheus.CounterVec
	deliveries *prometheus.CounterVec
	lag        *prometheus.HistogramVec
	jobs       *prometheus.CounterVec
	loads      *prometheus.HistogramVec
	modules    prometheus.Gauge
	loaded     prometheus.Gauge
	relay      prometheus.Gauge
	streams    prometheus.Gauge
	names      bounded
}

// New returns a registry with the instruments, and those of Go and the process.
func New() *Registry {
	fast := []float64{.00001, .00005, .0001, .0005, .001, .005, .01, .05, .1, .25, 1}
	slow := []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}
	r := &Registry{
		reg: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "trellis_http_request_seconds",
			Help: "Time of HTTP requests by method, route and status.", Buckets: slow}, []string{"method", "route", "status"}),
		filters: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "trellis_filter_step_seconds",
			Help: "Time of steps of filters by extension, filter and outcome.", Buckets: fast}, []string{"extension", "filter", "outcome"}),
		guests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "trellis_guest_call_seconds",
			Help: "Time of calls of extensions by extension and outcome.", Buckets: fast}, []string{"extension", "outcome"}),
		slots: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "trellis_slot_seconds",
			Help: "Time until something in a page was made, or given up, by slot and outcome.", Buckets: fast}, []string{"slot", "outcome"}),
		fuel: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "trellis_guest_fuel_total",
			Help: "Fuel that extensions used."}, []string{"extension"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "trellis_deliveries_total",
			Help: "Deliveries of events by role and outcome."}, []string{"role", "outcome"}),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "trellis_delivery_lag_seconds",
			Help: "Time from an event to its delivery by role.", Buckets: slow}, []string{"role"}),
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "trellis_jobs_total",
			Help: "Jobs that ended by kind and state."}, []string{"kind", "state"}),
		loads: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "trellis_module_load_seconds",
			Help: "Time until the module of an extension was ready, by where it came from: cached, compiled or failed.", Buckets: slow}, []string{"outcome"}),
		modules: prometheus.NewGauge(prometheus.GaugeOpts{Name: "trellis_modules_loaded", Help: "Modules of extensions that are loaded."}),
		loaded:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "trellis_modules_loaded_bytes", Help: "Bytes of machine code and images of these."}),
		relay: prometheus.NewGauge(prometheus.GaugeOpts{Name: "trellis_relay_lag_events",
			Help: "Events that were committed and not yet relayed to NATS."}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "trellis_streams", Help: "Clients of live streams."}),
	}
	r.reg.MustRegister(r.requests, r.filters, r.guests, r.slots, r.fuel, r.deliveries, r.lag, r.jobs, r.loads, r.modules, r.loaded, r.relay, r.streams,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Handler serves the metrics in Prometheus's text format.
func (r *Registry) Handler() http.Handler {
	if r == nil {
		return http.NotFoundHandler()
	}
	return promhttp.HandlerFor(r.reg, promhttp.HandlerOpts{})
}

// HTTPRequest measures a request. The route is a pattern, never a path; a method
// that HTTP does not know is "other".
func (r *Registry) HTTPRequest(method, route string, status int, d time.Duration) {
	if r != nil {
		switch method {
		case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE":
		default:
			method = "other"
		}
		r.requests.WithLabelValues(method, route, strconv.Itoa(status/100)+"xx").Observe(d.Seconds())
	}
}

// FilterStep measures a step of a filter.
func (r *Registry) FilterStep(extension, filter, outcome string, d time.Duration) {
	if r != nil {
		r.filters.WithLabelValues(r.names.bound(extension), filter, outcome).Observe(d.Seconds())
	}
}

// Slot measures how something in a page came about. The slot is one that there is.
func (r *Registry) Slot(slot, outcome string, d time.Duration) {
	if r != nil {
		r.slots.WithLabelValues(slot, outcome).Observe(d.Seconds())
	}
}

// GuestCall measures a call of an extension.
func (r *Registry) GuestCall(extension, outcome string, fuel uint64, d time.Duration) {
	if r != nil {
		extension = r.names.bound(extension)
		r.guests.WithLabelValues(extension, outcome).Observe(d.Seconds())
		r.fuel.WithLabelValues(extension).Add(float64(fuel))
	}
}

// Delivery counts a delivery of an event that is as old as lag.
func (r *Registry) Delivery(role, outcome string, lag time.Duration) {
	if r != nil {
		r.deliveries.WithLabelValues(role, outcome).Inc()
		r.lag.WithLabelValues(role).Observe(lag.Seconds())
	}
}

// Job counts a job that ended.
func (r *Registry) Job(kind, state string) {
	if r != nil {
		r.jobs.WithLabelValues(kind, state).Inc()
	}
}

// ModuleLoad measures how long it took until a module was ready that came from the
// cache, was compiled, or failed.
func (r *Registry) ModuleLoad(outcome string, d time.Duration) {
	if r != nil {
		r.loads.WithLabelValues(outcome).Observe(d.Seconds())
	}
}

// Modules sets how many modules are loaded, and how many bytes they take.
func (r *Registry) Modules(n int, bytes int64) {
	if r != nil {
		r.modules.Set(float64(n))
		r.loaded.Set(float64(bytes))
	}
}

// Instances has it asked, whenever the metrics are read, how many instances of
// modules there are and how many bytes they take. It is called once.
func (r *Registry) Instances(read func() (n int, bytes int64)) {
	if r == nil {
		return
	}
	r.reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "trellis_instances", Help: "Instances of extensions' modules, running and idle."},
			func() float64 { n, _ := read(); return float64(n) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "trellis_instances_bytes", Help: "What instances of extensions' modules take, about."},
			func() float64 { _, bytes := read(); return float64(bytes) }))
}

// RelayLag sets how many events wait for NATS.
func (r *Registry) RelayLag(events uint64) {
	if r != nil {
		r.relay.Set(float64(events))
	}
}

// Streams sets how many clients follow live streams.
func (r *Registry) Streams(n int) {
	if r != nil {
		r.streams.Set(float64(n))
	}
}

// bounded lets through so many names and calls the others "other".
type bounded struct {
	mu   sync.Mutex
	seen map[string]bool
}

const maxNames = 500

func (b *bounded) bound(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen[name] {
		return name
	}
	if len(b.seen) >= maxNames {
		return "other"
	}
	if b.seen == nil {
		b.seen = map[string]bool{}
	}
	b.seen[name] = true
	return name
}
