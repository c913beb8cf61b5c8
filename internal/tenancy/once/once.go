// Package once describes the answer to a call that carries an Idempotency-Key, kept for its repetition.
package once

import "time"

// Life is how long an answer is kept.
const Life = 24 * time.Hour

// Answer is what the first call said. Status 0 means that it still runs, or died before its end was known.
type Answer struct {
	RequestHash []byte
	Status      int
	Body        []byte // sealed: it may hold a secret that is shown once
}
