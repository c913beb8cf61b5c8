package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"starlane/internal/billing/metering"
)

type boot struct {
	relay string
	boot  int64
}

// advance moves the watermarks of the relays in the batch. It comes last: workers that serve the same relay meet on these
// rows, and should hold them as briefly as can be.
func (c *commit) advance(ctx context.Context) error {
	if len(c.batch.Marks) == 0 {
		return nil
	}
	marks := map[boot][]int64{}
	for _, m := range c.batch.Marks {
		k := boot{m.Relay, m.Boot}
		marks[k] = append(marks[k], int64(m.Seq))
	}
	boots := make([]boot, 0, len(marks))
	for k, seqs := range marks {
		slices.Sort(seqs)
		marks[k] = slices.Compact(seqs)
		boots = append(boots, k)
	}
	slices.SortFunc(boots, func(a, b boot) int { return cmp.Or(cmp.Compare(a.relay, b.relay), cmp.Compare(a.boot, b.boot)) })
	have, err := c.lockWatermarks(ctx, boots)
	if err != nil {
		return err
	}
	ahead, err := c.readAhead(ctx, boots, have, marks)
	if err != nil {
		return err
	}
	return c.writeWatermarks(ctx, boots, have, ahead, marks)
}

func splitBoots(boots []boot) (relays []string, starts []int64) {
	for _, b := range boots {
		relays, starts = append(relays, b.relay), append(starts, b.boot)
	}
	return relays, starts
}

func (c *commit) lockWatermarks(ctx context.Context, boots []boot) (map[boot]int64, error) {
	relays, starts := splitBoots(boots)
	batch := &pgx.Batch{}
	batch.Queue(`
		insert into relay_watermark (relay_id, boot, seq)
		select r, b, 0 from unnest($1::text[], $2::bigint[]) as u (r, b)
		on conflict do nothing`, relays, starts)
	have := map[boot]int64{}
	batch.Queue(`
		select w.relay_id, w.boot, w.seq
		from relay_watermark w
		join unnest($1::text[], $2::bigint[]) as u (r, b) on w.relay_id = u.r and w.boot = u.b
		order by w.relay_id, w.boot
		for update of w`, relays, starts).Query(func(rows pgx.Rows) error {
		var k boot
		var seq int64
		_, err := pgx.ForEachRow(rows, []any{&k.relay, &k.boot, &seq}, func() error {
			have[k] = seq
			return nil
		})
		return err
	})
	if err := c.tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("lock watermarks: %w", err)
	}
	return have, nil
}

// readAhead reads what waits beyond a gap, but only for boots whose gap this batch closes: a gap that stays may have a long
// tail, which need not be read each time.
func (c *commit) readAhead(ctx context.Context, boots []boot, have map[boot]int64, marks map[boot][]int64) (map[boot][]int64, error) {
	var moving []boot
	for _, k := range boots {
		if _, found := slices.BinarySearch(marks[k], have[k]+1); found {
			moving = append(moving, k)
		}
	}
	out := map[boot][]int64{}
	if len(moving) == 0 {
		return out, nil
	}
	relays, starts := splitBoots(moving)
	rows, err := c.tx.Query(ctx, `
		select a.relay_id, a.boot, a.seq
		from relay_ahead a
		join unnest($1::text[], $2::bigint[]) as u (r, b) on a.relay_id = u.r and a.boot = u.b
		order by a.relay_id, a.boot, a.seq`, relays, starts)
	if err != nil {
		return nil, fmt.Errorf("read what is ahead: %w", err)
	}
	var k boot
	var seq int64
	_, err = pgx.ForEachRow(rows, []any{&k.relay, &k.boot, &seq}, func() error {
		out[k] = append(out[k], seq)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what is ahead: %w", err)
	}
	return out, nil
}

// contiguous returns how far the numbers after from go without a gap. Both lists are sorted.
func contiguous(from int64, a, b []int64) int64 {
	for {
		for len(a) > 0 && a[0] <= from {
			a = a[1:]
		}
		for len(b) > 0 && b[0] <= from {
			b = b[1:]
		}
		switch {
		case len(a) > 0 && a[0] == from+1, len(b) > 0 && b[0] == from+1:
			from++
		default:
			return from
		}
	}
}

func (c *commit) writeWatermarks(ctx context.Context, boots []boot, have map[boot]int64, ahead, marks map[boot][]int64) error {
	var aheadRelays []string
	var aheadBoots, aheadSeqs []int64
	var movedRelays []string
	var movedBoots, movedSeqs []int64
	for _, k := range boots {
		now := contiguous(have[k], marks[k], ahead[k])
		for _, seq := range marks[k] {
			if seq > now {
				aheadRelays, aheadBoots, aheadSeqs = append(aheadRelays, k.relay), append(aheadBoots, k.boot), append(aheadSeqs, seq)
			}
		}
		if now > have[k] {
			movedRelays, movedBoots, movedSeqs = append(movedRelays, k.relay), append(movedBoots, k.boot), append(movedSeqs, now)
		}
		c.result.Committed = append(c.result.Committed, metering.Mark{Relay: k.relay, Boot: k.boot, Seq: uint64(now)})
	}
	batch := &pgx.Batch{}
	if len(aheadSeqs) > 0 {
		batch.Queue(`
			insert into relay_ahead (relay_id, boot, seq)
			select r, b, s from unnest($1::text[], $2::bigint[], $3::bigint[]) as u (r, b, s)
			on conflict do nothing`, aheadRelays, aheadBoots, aheadSeqs)
	}
	if len(movedSeqs) > 0 {
		batch.Queue(`
			update relay_watermark w
			set seq = u.s, updated_at = now()
			from unnest($1::text[], $2::bigint[], $3::bigint[]) as u (r, b, s)
			where w.relay_id = u.r and w.boot = u.b`, movedRelays, movedBoots, movedSeqs)
		batch.Queue(`
			delete from relay_ahead a
			using unnest($1::text[], $2::bigint[], $3::bigint[]) as u (r, b, s)
			where a.relay_id = u.r and a.boot = u.b and a.seq <= u.s`, movedRelays, movedBoots, movedSeqs)
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := c.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("move watermarks: %w", err)
	}
	return nil
}

// Watermarks reads the watermarks of boots that moved within the last span, to be told to relays again.
func (m *Metering) Watermarks(ctx context.Context, span time.Duration) ([]metering.Mark, error) {
	return watermarks(ctx, m.ledger.pool, span)
}

func watermarks(ctx context.Context, pool *pgxpool.Pool, span time.Duration) ([]metering.Mark, error) {
	rows, err := pool.Query(ctx, `
		select relay_id, boot, seq from relay_watermark where updated_at > now() - make_interval(secs => $1)`, span.Seconds())
	if err != nil {
		return nil, fmt.Errorf("read watermarks: %w", err)
	}
	marks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (metering.Mark, error) {
		var mark metering.Mark
		var seq int64
		err := row.Scan(&mark.Relay, &mark.Boot, &seq)
		mark.Seq = uint64(seq)
		return mark, err
	})
	if err != nil {
		return nil, fmt.Errorf("read watermarks: %w", err)
	}
	return marks, nil
}
