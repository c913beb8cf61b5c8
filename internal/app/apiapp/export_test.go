package apiapp

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"starlane/internal/billing/metering"
	"starlane/internal/billing/money"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/store/postgres"
	"starlane/internal/usage"
)

// manyRows is more than two pages of a file.
const manyRows = 1_201

// spend posts n requests of a tenant the way a worker does.
func (in *installation) spend(o org, n int) {
	t := in.t
	t.Helper()
	_, err := in.db.Pool.Exec(t.Context(), `
		with v as (
			insert into starlane.price_version (tenant_id, book_id, model_name, valid_from, proposed_by, approved_by)
			values ($1, 1, 'demo/echo', '2020-01-01', 'test', 'other') returning id
		)
		insert into starlane.price_rate (tenant_id, version_id, class, nano_per_million)
		select $1, v.id, class, price from v, (values ('in_text', 546875333), ('out_text', 244140777)) as r (class, price)`, id.Nil)
	require.NoError(t, err)
	key := o.owner.do("POST", "/keys", map[string]any{"name": "k"}).want(201)
	worker, err := postgres.Open(t.Context(), secret.New(in.db.WorkerDSN), postgres.Worker)
	require.NoError(t, err)
	t.Cleanup(worker.Close)
	shard := id.Shard(o.id)
	_, err = in.db.Pool.Exec(t.Context(), `insert into starlane.shard_lease (shard, owner, token, expires_at) values ($1, 'w', 1, now() + interval '1 hour')`, shard)
	require.NoError(t, err)
	batch := make([]metering.Message, n)
	for i := range batch {
		e := usage.Event{
			ID: id.New(), Tenant: o.id, Project: key.id("project_id"), Key: key.id("id"), OccurredAt: time.Now().UTC(), Capability: "chat", Provider: "sim",
			RequestedModel: "demo/echo", ServedModel: "demo/echo", ServiceTier: "standard", Outcome: usage.OK, HTTPStatus: 200, DurationMillis: 20,
			Relay: "relay-1", Boot: 1, Seq: uint64(i + 1), Deployment: id.New(),
		}
		e.Counts.Set(usage.InText, int64(i), usage.Reported)
		e.Counts.Set(usage.OutText, int64(2*n-i), usage.Reported)
		fields := map[string]any{}
		for pairs := e.AppendFields(nil); len(pairs) > 0; pairs = pairs[2:] {
			fields[pairs[0]] = pairs[1]
		}
		batch[i] = metering.Message{Shard: shard, Ref: fmt.Sprintf("usage:{%s} 1-%d", id.Tag(shard), i), Fields: fields, Event: e}
	}
	meter := metering.New(postgres.NewMetering(postgres.NewLedger(worker), 0), postgres.NewPrices(worker, clock.System{}))
	got, err := meter.Process(t.Context(), batch, metering.Fence{Owner: "w", Tokens: map[int]int64{shard: 1}})
	require.NoError(t, err)
	require.Equal(t, n, got.New)
}

// download reads a file to its end, and tells how the transfer ended.
func (c client) download(path string) (rows [][]string, header http.Header, broken error) {
	t := c.in.t
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.in.url+"/api/v1"+path, nil)
	require.NoError(t, err)
	req.Header = c.header
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(t, http.StatusOK, res.StatusCode)
	text, broken := io.ReadAll(res.Body)
	rows, err = csv.NewReader(strings.NewReader(string(text))).ReadAll()
	require.NoError(t, err, "what came is whole lines")
	return rows[1:], res.Header, broken
}

func TestFileOfRequestsHoldsAllOfThemAndComesToTheLedger(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	in.spend(o, manyRows)
	var ledger money.Amount
	err := in.db.Pool.QueryRow(t.Context(), `
		select sum(e.amount_nano)::bigint from starlane.ledger_entry e join starlane.ledger_txn x on x.id = e.txn_id
		where e.tenant_id = $1 and x.kind = 'usage'`, o.id).Scan(&ledger)
	require.NoError(t, err)

	rows, header, broken := o.owner.download("/requests?format=csv")
	require.NoError(t, broken)
	if header.Get("Content-Length") != "" {
		t.Error("the length is known before the rows are")
	}
	var sum money.Amount
	seen := map[string]bool{}
	for _, row := range rows {
		charge, err := money.Parse(row[14])
		require.NoError(t, err)
		sum += charge
		seen[row[0]] = true
	}
	if len(rows) != manyRows || len(seen) != manyRows || sum != ledger || sum == 0 {
		t.Errorf("the file has %d rows of %d requests for %s; want %d for %s", len(rows), len(seen), sum, manyRows, ledger)
	}
	narrowed, _, broken := o.owner.download("/requests?format=csv&limit=7")
	if broken != nil || len(narrowed) != 7 || narrowed[6][0] != rows[6][0] {
		t.Errorf("a limit of 7 gives %d rows, %v", len(narrowed), broken)
	}
	for query, want := range map[string]int{"?from=2020-01-01T00:00:00Z": manyRows, "?class=in_text": manyRows - 1, "?model=none": 0} {
		if got, _, broken := o.owner.download("/requests" + query + "&format=csv"); broken != nil || len(got) != want {
			t.Errorf("%s gives %d rows, %v; want %d", query, len(got), broken, want)
		}
	}
}

func TestRequestSaysSinceWhenItsPriceIsValid(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	in.spend(o, 1)
	id := o.owner.do("GET", "/requests", nil).want(200).items()[0].(map[string]any)["id"].(string)
	got := o.owner.do("GET", "/requests/"+id, nil).want(200)
	class := got.object()["classes"].([]any)[1].(map[string]any)
	if got.text("price_valid_from") != "2020-01-01T00:00:00Z" || class["rate"] != "0.244140777" {
		t.Errorf("request = %s, want a price since 2020 with an output rate of 0.244140777", got.body)
	}
	free := in.newOrg("Bolt") // of an event without a version
	if got := free.owner.do("GET", "/requests/"+in.things(free)["request_id"], nil).want(200); got.object()["price_valid_from"] != nil {
		t.Errorf("without a price it is valid since %v", got.object()["price_valid_from"])
	}
}

// A row on the last page cannot be read: what was sent until then must not pass for the file.
func TestFileThatFailsInTheMiddleIsABrokenTransfer(t *testing.T) {
	t.Parallel()
	in := start(t)
	o := in.newOrg("Acme")
	in.spend(o, manyRows)
	spoil := func(nth int) {
		_, err := in.db.Pool.Exec(t.Context(), `
			alter table starlane.usage_event disable trigger immutable;
			update starlane.usage_event set charges = '[]' where event_id = (select event_id from starlane.usage_event order by event_id offset `+number(nth)+` limit 1)`)
		require.NoError(t, err)
	}
	spoil(0)
	rows, _, broken := o.owner.download("/requests?format=csv")
	require.ErrorIs(t, broken, io.ErrUnexpectedEOF)
	if len(rows) == 0 || len(rows) >= manyRows {
		t.Errorf("%d rows came, want the pages before the failure", len(rows))
	}
	spoil(manyRows - 1) // the newest: nothing has been sent yet
	o.owner.do("GET", "/requests?format=csv", nil).problem(500, "internal")
}

func number(n int) string { return fmt.Sprint(n) }
