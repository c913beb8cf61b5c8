package adminapi

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"starlane/internal/billing/statement"
	"starlane/internal/platform/page"
)

// fileRows is how many rows of a file are read at a time, so that its size does not matter to the process.
const fileRows = 500

// file is a table as RFC 4180, written while it is read. Its first page is read before the answer begins, so that what fails
// there is still a problem; what fails later breaks the connection off, so that a part never looks like the whole.
type file[T any] struct {
	name   string // to save it under; empty: the caller's choice
	header []string
	row    func(*T) []string
	page   page.List[T]
	next   func(after string) (page.List[T], error) // nil: there is one page only
}

// openFile reads the first page of the whole list.
func openFile[T any](ask page.Ask, read func(page.Ask) (page.List[T], error), header []string, row func(*T) []string) (*file[T], error) {
	first, err := read(ask)
	next := func(after string) (page.List[T], error) { return read(page.Ask{After: after, Limit: ask.Limit}) }
	return &file[T]{header: header, row: row, page: first, next: next}, err
}

func (f *file[T]) write(to http.ResponseWriter) error {
	to.Header().Set("Content-Type", "text/csv")
	if f.name != "" {
		to.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", f.name))
	}
	to.WriteHeader(http.StatusOK)
	w := csv.NewWriter(to)
	w.UseCRLF = true
	_ = w.Write(f.header) // a writer remembers its failure until it is flushed
	for {
		for i := range f.page.Items {
			row := f.row(&f.page.Items[i])
			for j, cell := range row {
				row[j] = harmless(cell)
			}
			_ = w.Write(row)
		}
		w.Flush()
		err := errors.Join(w.Error(), http.NewResponseController(to).Flush())
		if err != nil || f.page.Next == "" || f.next == nil {
			return err
		}
		if f.page, err = f.next(f.page.Next); err != nil {
			return err
		}
	}
}

// VisitGetUsageResponse writes a report of use.
func (f *file[T]) VisitGetUsageResponse(w http.ResponseWriter) error { return f.write(w) }

// VisitListRequestsResponse writes a list of requests.
func (f *file[T]) VisitListRequestsResponse(w http.ResponseWriter) error { return f.write(w) }

// VisitGetInvoiceCsvResponse writes the lines of an invoice.
func (f *file[T]) VisitGetInvoiceCsvResponse(w http.ResponseWriter) error { return f.write(w) }

// harmless puts a quote in front of what a spreadsheet would take for a formula; numbers do not need it.
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

func usageHeader() []string {
	return []string{
		"day", "model", "key_id", "key_name", "project_id", "project_name", "class", "requests", "input_tokens", "output_tokens", "units", "charge_usd",
	}
}

func usageRow(u *statement.UsageRow) []string {
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
	return []string{
		day, val(u.Model), key, val(u.KeyName), project, val(u.ProjectName), val(u.Class),
		number(u.Requests), number(u.Input), number(u.Output), number(u.Units), u.Charge.String(),
	}
}

// requestHeader has two more columns where the list is narrowed by a token class.
func requestHeader(class string) []string {
	header := []string{
		"id", "occurred_at", "posted_at", "key_id", "key_name", "capability", "requested_model", "served_model", "provider", "outcome",
		"http_status", "streamed", "input_tokens", "output_tokens", "charge_usd", "duration_ms",
	}
	if class != "" {
		header = append(header, "class_units", "class_charge_usd")
	}
	return header
}

func requestRow(class string) func(*statement.Request) []string {
	return func(r *statement.Request) []string {
		in, out := counts(r.Units)
		row := []string{
			r.ID.String(), r.OccurredAt.UTC().Format(time.RFC3339Nano), r.PostedAt.UTC().Format(time.RFC3339Nano), r.KeyID.String(), r.KeyName,
			r.Capability, r.RequestedModel, r.ServedModel, r.Provider, r.Outcome, number(int64(r.HTTPStatus)), strconv.FormatBool(r.Streamed),
			number(in), number(out), r.Charge.String(), number(r.Duration),
		}
		if class != "" {
			row = append(row, number(r.Units[class]), r.Charges[class].String())
		}
		return row
	}
}

func lineHeader() []string {
	return []string{"position", "kind", "model", "class", "units", "amount_usd", "billed_usd"}
}

func lineRow(l *statement.Line) []string {
	return []string{number(int64(l.Position)), l.Kind, l.Model, l.Class, number(l.Units), l.Amount.String(), cents(l.BilledCents)}
}
