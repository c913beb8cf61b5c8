package redisstore

import (
	"strconv"
	"time"

	"starlane/internal/platform/id"
)

// All key names are made here. What one script or one transaction touches carries one hash tag, so that it also works on
// a Redis Cluster. {NN} is the shard of the tenant.

const (
	keyCatalog        = "{catalog}:snapshot" // string: catalog.Data as JSON
	keyCatalogVersion = "{catalog}:version"  // string: its version
	keyRecords        = "{vkeys}"            // hash: public id → vkey.Record as JSON
	keyRecordVersions = "{vkeys}:versions"   // hash: public id → version of the record
	keyRecordLog      = "{vkeys}:log"        // sorted set: public id by the order of publication
	keyRecordVersion  = "{vkeys}:version"    // string: highest version among the records
	keyRecordSeq      = "{vkeys}:seq"        // hash: seq (publications so far), gen (changes when Redis was emptied)
	keyDeadLetters    = "usage:dlq"          // stream: copies of entries that could not be billed
	keyCommitted      = "usage:committed"    // hash: "<relay>:<boot>" → highest contiguous sequence number in Postgres
	keyGeneration     = "usage:generation"   // string: made when Redis is found empty
	keyWanted         = "esc:{w}:wanted"     // sorted set: what the worker is asked to bring, by time of asking
	keyRelays         = "relays"             // hash: relay → heartbeat as JSON

	group = "metering" // the consumer group on every usage stream
)

func tag(tenant id.ID) string { return "{" + id.Tag(id.Shard(tenant)) + "}" }

// keyUsage is the stream of a shard.
func keyUsage(shard int) string { return "usage:{" + id.Tag(shard) + "}" }

// keyEscrow is the hash of the slices that the worker has put at the relays' disposal: epoch, h:<hold> free nano-USD,
// x:<hold> expiry in Unix milliseconds, avail, state, low (ask for more below it), need, want, asked.
func keyEscrow(tenant id.ID) string { return "esc:" + tag(tenant) + ":" + tenant.String() }

// keyLeases is the hash "<relay>|<hold>" → nano-USD leased and not given back.
func keyLeases(tenant id.ID) string { return keyEscrow(tenant) + ":leases" }

// keyLeaseExpiry is the sorted set of the same members by expiry in Unix milliseconds.
func keyLeaseExpiry(tenant id.ID) string { return keyEscrow(tenant) + ":expiry" }

// keyBudget is the hash of a tenant's budgets: "<key>:<window start>" → nano-USD used or leased in that window,
// "<key>:<window start>:mark" → name of the last correction, "<key>:<window start>:at:<relay>" → the relay's lease:
// nano-USD held, expiry in Unix milliseconds, last event of its log, number of the call, joined by colons.
func keyBudget(tenant id.ID) string { return "bud:" + tag(tenant) + ":" + tenant.String() }

// keyLimits is the hash of the rate buckets and concurrency shares of a virtual key.
func keyLimits(tenant, key id.ID) string { return "lim:" + tag(tenant) + ":" + key.String() }

// keyArtifact holds an encrypted entry of the relays' vault, for a while.
func keyArtifact(tenant id.ID, name string) string {
	return "vault:" + tag(tenant) + ":" + tenant.String() + ":" + name
}

// keyResponse holds an encrypted response of a tenant that has them stored.
func keyResponse(tenant id.ID, name string) string {
	return "resp:" + tag(tenant) + ":" + tenant.String() + ":e:" + name
}

// keyResponseExpiry is the sorted set of a tenant's responses by when they expire, in Unix milliseconds.
func keyResponseExpiry(tenant id.ID) string {
	return "resp:" + tag(tenant) + ":" + tenant.String() + ":expiry"
}

// keyResponseSizes is the hash of their sizes in bytes, and "total".
func keyResponseSizes(tenant id.ID) string {
	return "resp:" + tag(tenant) + ":" + tenant.String() + ":sizes"
}

func budgetField(key id.ID, window time.Time) string {
	return key.String() + ":" + strconv.FormatInt(windowUnix(window), 10)
}

func windowUnix(window time.Time) int64 {
	if window.IsZero() {
		return 0
	}
	return window.Unix()
}

func producerField(relay string, boot int64) string { return relay + ":" + strconv.FormatInt(boot, 10) }
