// Package audit is the record of who changed what. An entry is written in the transaction of the change it tells of.
package audit

import (
	"time"

	"starlane/internal/platform/id"
)

// Actor is who did something: "user:<id>", "token:<id>" or "system:<part>".
type Actor string

// User is a person in the console.
func User(v id.ID) Actor { return Actor("user:" + v.String()) }

// Token is a program with an API token.
func Token(v id.ID) Actor { return Actor("token:" + v.String()) }

// System is a part of the product that acts by itself or on the command line.
func System(part string) Actor { return Actor("system:" + part) }

// Detail explains an entry. It never holds a secret.
type Detail map[string]any

// Entry is one line of the log.
type Entry struct {
	ID        id.ID
	At        time.Time
	Actor     Actor
	ActorName string // email or token name at the time of reading
	Action    string // "key.create"
	Target    string
	Detail    Detail
}

// Filter narrows a list of entries.
type Filter struct {
	Action string // the action or its part before a dot
	Actor  Actor
}
