package spool

import "github.com/prometheus/client_golang/prometheus"

// Register adds the figures of the log to a registry.
func (l *Log) Register(reg prometheus.Registerer) {
	gauge := func(name, help string, value func(Stats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(l.Stats()) })
	}
	reg.MustRegister(
		gauge("relay_spool_bytes", "Size of the usage log on disk. At 90 % of its quota no request is admitted.", func(s Stats) float64 { return float64(s.Bytes) }),
		gauge("relay_spool_open_requests", "Requests that are admitted and have not ended.", func(s Stats) float64 { return float64(s.Open) }),
		gauge("relay_spool_events", "Events written since the start.", func(s Stats) float64 { return float64(s.Seq) }),
		gauge("relay_spool_failing", "1 while the disk refuses the usage log. Somebody must act.", func(s Stats) float64 {
			if s.Failing {
				return 1
			}
			return 0
		}),
	)
}
