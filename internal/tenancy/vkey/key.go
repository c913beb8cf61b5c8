package vkey

import (
	"time"

	"starlane/internal/billing/money"
	"starlane/internal/platform/id"
	"starlane/internal/tenancy/quota"
)

// State of a key. Revoked is final.
type State string

// The states.
const (
	Active   State = "active"
	Disabled State = "disabled"
	Revoked  State = "revoked"
)

// Key is a virtual key as its tenant sees it: everything but the secret.
type Key struct {
	ID          id.ID
	ProjectID   id.ID
	ProjectName string
	Name        string
	PublicID    string
	State       State
	Models      []string // allowed models and aliases; empty: all
	Limits      quota.Limits
	Spent       money.Amount // since SpentSince
	SpentSince  time.Time    // start of the running budget window; without a budget, of the month
	ExpiresAt   *time.Time
	LastUsedAt  *time.Time
	CreatedBy   id.ID
	CreatedAt   time.Time
	RevokedAt   *time.Time
}

// NewKey is a key to be stored.
type NewKey struct {
	ID        id.ID
	ProjectID id.ID // Nil: the oldest project of the tenant
	Name      string
	PublicID  string
	Digest    Digest
	Models    []string
	Limits    quota.Limits
	ExpiresAt *time.Time
	CreatedBy id.ID
}

// Change replaces what may be changed of a key.
type Change struct {
	Name      string
	State     State
	Models    []string
	Limits    quota.Limits
	ExpiresAt *time.Time
}

// Filter narrows a list of keys.
type Filter struct {
	Project id.ID // Nil: any
	State   State // empty: any
	Text    string
}
