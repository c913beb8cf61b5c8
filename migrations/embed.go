// Package migrations carries the schema, so that the api binary can bring a database up to date by itself.
package migrations

import "embed"

// FS holds the goose migrations, numbered in the order in which they run.
//
//go:embed *.sql
var FS embed.FS
