// Package tokencount counts tokens as OpenAI's tokenizers do, for estimates and for streams that end without a usage
// report. It never overrides what a provider reported.
//
// The counter takes bytes as they come, allocates nothing for ordinary text and needs time that grows no faster than
// n log n, whatever the input: a request body must not be able to hold a core. Text is cut into pieces by hand-written
// splitters (the published regular expressions backtrack), a piece that is a token costs one look in a hash table
// keyed by the packed bytes, and other pieces are merged pair by pair, long ones with the pairs sorted by rank.
package tokencount

//go:generate go run ./gen
