package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"starlane/internal/billing/reconcile"
)

// Breaks runs a query of package reconcile as of one moment.
func (l *Ledger) Breaks(ctx context.Context, query string, most int) ([]reconcile.Break, error) {
	rows, err := l.pool.Query(ctx, "select * from ("+query+"\n) q limit $1", most)
	if err != nil {
		return nil, fmt.Errorf("check the books: %w", err)
	}
	breaks, err := pgx.CollectRows(rows, pgx.RowToStructByPos[reconcile.Break])
	if err != nil {
		return nil, fmt.Errorf("check the books: %w", err)
	}
	return breaks, nil
}
