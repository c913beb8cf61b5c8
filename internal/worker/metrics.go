package worker

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"starlane/internal/billing/metering"
)

// Metrics of the worker. One figure has one owner: relays count what they send, the worker what arrived.
type Metrics struct {
	events   *prometheus.CounterVec
	seconds  prometheus.Histogram
	size     prometheus.Histogram
	delay    prometheus.Histogram
	errors   prometheus.Counter
	fenced   prometheus.Counter
	lost     prometheus.Counter
	shards   prometheus.Gauge
	duties   *prometheus.CounterVec
	backlog  *prometheus.GaugeVec
	identity *prometheus.GaugeVec
}

// NewMetrics registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "starlane_metering_events_total", Help: "Usage events by what became of them: new, duplicate, dead.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "starlane_metering_batch_seconds", Help: "Time from the start of a batch to its commit.", Buckets: prometheus.ExponentialBuckets(0.002, 2, 12),
		}),
		size: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "starlane_metering_batch_events", Help: "Events in a batch.", Buckets: prometheus.ExponentialBuckets(1, 4, 7),
		}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "starlane_metering_delay_seconds", Help: "Time from an event's arrival on its stream to its commit.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 14),
		}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{Name: "starlane_metering_errors_total", Help: "Rounds that failed and were tried again."}),
		fenced: prometheus.NewCounter(prometheus.CounterOpts{Name: "starlane_metering_fenced_total", Help: "Batches refused because a shard had a new owner."}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "starlane_metering_lost_entries_total", Help: "Stream entries that vanished before they were billed. Anything above zero needs a person.",
		}),
		shards: prometheus.NewGauge(prometheus.GaugeOpts{Name: "starlane_worker_shards", Help: "Usage streams that this worker holds."}),
		duties: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "starlane_worker_duties_total", Help: "Runs of periodic duties by result.",
		}, []string{"duty", "result"}),
		backlog: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "starlane_worker_backlog", Help: "What waits: entries (unread or unacknowledged), oldest_seconds, dead_letters, stripe_events.",
		}, []string{"what"}),
		identity: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "starlane_ledger_identity_violations", Help: "Rows that break an identity of the ledger: zero_sum, balance, invoice. Anything above zero needs a person.",
		}, []string{"identity"}),
	}
	reg.MustRegister(m.events, m.seconds, m.size, m.delay, m.errors, m.fenced, m.lost, m.shards, m.duties, m.backlog, m.identity)
	return m
}

func (m *Metrics) batch(messages []metering.Message, r metering.Result, now time.Time, took time.Duration) {
	for i := range messages {
		if at, ok := arrived(messages[i].Entry); ok {
			m.delay.Observe(now.Sub(at).Seconds())
		}
	}
	m.events.WithLabelValues("new").Add(float64(r.New))
	m.events.WithLabelValues("duplicate").Add(float64(r.Duplicates))
	m.events.WithLabelValues("dead").Add(float64(len(r.Letters)))
	m.seconds.Observe(took.Seconds())
	m.size.Observe(float64(len(messages)))
}

// arrived reads the time in the identifier of a stream entry, "milliseconds-number".
func arrived(entry string) (time.Time, bool) {
	text, _, _ := strings.Cut(entry, "-")
	ms, err := strconv.ParseInt(text, 10, 64)
	return time.UnixMilli(ms), err == nil
}

// Backlog sets a figure of what waits.
func (m *Metrics) Backlog(what string, value float64) { m.backlog.WithLabelValues(what).Set(value) }

// Identity sets the number of rows that break an identity.
func (m *Metrics) Identity(name string, violations int64) {
	m.identity.WithLabelValues(name).Set(float64(violations))
}
