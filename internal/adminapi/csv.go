package adminapi

import (
	"bytes"
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"starlane/internal/billing/statement"
)

// table writes RFC 4180. Cells that a spreadsheet would take for a formula get a quote in front; numbers do not need it.
func table(header []string, rows [][]string) (io.Reader, int64) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	_ = w.Write(header) // a buffer does not fail
	for _, row := range rows {
		for i, cell := range row {
			row[i] = harmless(cell)
		}
		_ = w.Write(row)
	}
	w.Flush()
	return &b, int64(b.Len())
}

func harmless(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return cell
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil { // only its form is looked at
		return cell
	}
	return "'" + cell
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func usageCSV(rows []statement.UsageRow) (io.Reader, int64) {
	out := make([][]string, len(rows))
	for i := range rows {
		u := &rows[i]
		day, key, project := "", "", ""
		if u.Day != nil {
			day = u.Day.UTC().Format(time.DateOnly)
		}
		if u.KeyID != nil {
			key = u.KeyID.String()
		}
		if u.ProjectID != nil {
			project = u.ProjectID.String()
		}
		out[i] = []string{
			day, val(u.Model), key, val(u.KeyName), project, val(u.ProjectName), val(u.Class),
			number(u.Requests), number(u.Input), number(u.Output), number(u.Units), u.Charge.String(),
		}
	}
	return table([]string{"day", "model", "key_id", "key_name", "project_id", "project_name", "class", "requests", "input_tokens", "output_tokens", "units", "charge_usd"}, out)
}

// requestsCSV has two more columns where the list is narrowed by a token class.
func requestsCSV(rows []statement.Request, class string) (io.Reader, int64) {
	header := []string{
		"id", "occurred_at", "posted_at", "key_id", "key_name", "capability", "requested_model", "served_model", "provider", "outcome",
		"http_status", "streamed", "input_tokens", "output_tokens", "charge_usd", "duration_ms",
	}
	if class != "" {
		header = append(header, "class_units", "class_charge_usd")
	}
	out := make([][]string, len(rows))
	for i := range rows {
		r := &rows[i]
		in, gen := counts(r.Units)
		out[i] = []string{
			r.ID.String(), r.OccurredAt.UTC().Format(time.RFC3339Nano), r.PostedAt.UTC().Format(time.RFC3339Nano), r.KeyID.String(), r.KeyName,
			r.Capability, r.RequestedModel, r.ServedModel, r.Provider, r.Outcome, number(int64(r.HTTPStatus)), strconv.FormatBool(r.Streamed),
			number(in), number(gen), r.Charge.String(), number(r.Duration),
		}
		if class != "" {
			out[i] = append(out[i], number(r.Units[class]), r.Charges[class].String())
		}
	}
	return table(header, out)
}

func linesCSV(rows []statement.Line) (io.Reader, int64) {
	out := make([][]string, len(rows))
	for i := range rows {
		l := &rows[i]
		out[i] = []string{number(int64(l.Position)), l.Kind, l.Model, l.Class, number(l.Units), l.Amount.String(), cents(l.BilledCents)}
	}
	return table([]string{"position", "kind", "model", "class", "units", "amount_usd", "billed_usd"}, out)
}
