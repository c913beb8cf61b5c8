package snapshot

import "github.com/prometheus/client_golang/prometheus"

// Register adds the figures of the watcher to a registry.
func (w *Watcher) Register(reg prometheus.Registerer) {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	reg.MustRegister(
		gauge("relay_snapshot_age_seconds", "Time since catalog and keys were last compared with Redis.", func() float64 { return w.Age().Seconds() }),
		gauge("relay_snapshot_keys", "Virtual keys in memory.", func() float64 { return float64(w.Keys()) }),
		gauge("relay_snapshot_version", "Version of the catalog in force, 0 before the first.", func() float64 {
			if s := w.Catalog(); s != nil {
				return float64(s.Version)
			}
			return 0
		}),
	)
}
