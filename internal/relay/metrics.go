package relay

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"starlane/internal/platform/apperr"
	"starlane/internal/relay/body"
	"starlane/internal/usage"
)

// Metrics are the figures of one pipeline.
type Metrics struct {
	requests *prometheus.CounterVec // outcome, status
	faults   *prometheus.CounterVec // phase, kind
	upstream prometheus.Histogram
	ttft     prometheus.Histogram
	streams  prometheus.Gauge

	unwritten prometheus.Counter
}

// NewMetrics registers the figures of a pipeline and its bodies.
func NewMetrics(reg prometheus.Registerer, bodies *body.Pool) *Metrics {
	seconds := []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "relay_requests_total", Help: "Calls of the model API by outcome and HTTP status; refused means never admitted.",
		}, []string{"outcome", "status"}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "relay_upstream_faults_total", Help: "Upstream attempts that failed, by phase and kind.",
		}, []string{"phase", "kind"}),
		upstream: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "relay_upstream_header_seconds", Help: "Time until an upstream began to answer.", Buckets: seconds,
		}),
		ttft: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "relay_first_content_seconds", Help: "Time from a client's request to the first content of its answer.", Buckets: seconds,
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "relay_open_streams", Help: "Streams running now."}),
	}
	m.unwritten = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "relay_unwritten_events_total", Help: "Usage events that the log could not write at once.",
	})
	held := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "relay_body_bytes", Help: "Memory held by request and answer bodies.",
	}, func() float64 { return float64(bodies.Used()) })
	reg.MustRegister(m.requests, m.faults, m.upstream, m.ttft, m.streams, m.unwritten, held)
	return m
}

func (m *Metrics) refused(err error) {
	m.requests.WithLabelValues("refused", strconv.Itoa(StatusOf(apperr.From(err)))).Inc()
}

func (m *Metrics) served(e *usage.Event) {
	m.requests.WithLabelValues(string(e.Outcome), strconv.Itoa(e.HTTPStatus)).Inc()
	if e.TTFTMillis >= 0 {
		m.ttft.Observe(float64(e.TTFTMillis) / 1000)
	}
}
