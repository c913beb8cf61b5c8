package usage

import "time"

// RelayState is the heartbeat of a relay.
type RelayState struct {
	ID         string    `json:"id"`
	Boot       int64     `json:"boot"` // start of the instance, Unix milliseconds
	At         time.Time `json:"at"`
	SpoolBytes int64     `json:"spool_bytes"`
	Open       int       `json:"open"`   // requests running
	Seq        uint64    `json:"seq"`    // last event of this boot
	Unsent     int64     `json:"unsent"` // bytes of the log not yet published
}
