package adminapi

import (
	"context"
	"net/url"

	"starlane/internal/adminapi/gen"
	"starlane/internal/billing/statement"
	"starlane/internal/platform/id"
	"starlane/internal/platform/page"
)

// InvoiceStore reads invoices.
type InvoiceStore interface {
	Invoices(ctx context.Context, t id.ID, ask page.Ask) (page.List[statement.Invoice], error)
	Invoice(ctx context.Context, t, invoice id.ID) (statement.Invoice, error)
	Lines(ctx context.Context, t, invoice id.ID, ask page.Ask) (page.List[statement.Line], error)
}

func invoiceToAPI(i *statement.Invoice) gen.Invoice {
	return gen.Invoice{
		Id: i.ID, Number: i.Number, Month: i.Month, PeriodStart: i.PeriodStart.UTC(), PeriodEnd: i.PeriodEnd.UTC(), State: gen.InvoiceState(i.State),
		Usage: i.Usage.String(), Credit: i.Credit.String(), CarryIn: i.CarryIn.String(), Billed: cents(i.BilledCents), CarryOut: i.CarryOut.String(),
		Tax: cents(i.TaxCents), HostedUrl: i.HostedURL, Lines: i.Lines, CreatedAt: i.CreatedAt.UTC(), FinalizedAt: utc(i.FinalizedAt), PaidAt: utc(i.PaidAt),
	}
}

// lineToAPI links a line of use to the requests behind it.
func lineToAPI(invoice id.ID) func(*statement.Line) gen.InvoiceLine {
	return func(l *statement.Line) gen.InvoiceLine {
		out := gen.InvoiceLine{
			Position: l.Position, Kind: gen.InvoiceLineKind(l.Kind), Model: l.Model, Class: l.Class, Units: l.Units, Amount: l.Amount.String(), Billed: cents(l.BilledCents),
		}
		if l.Kind == "usage" {
			q := url.Values{"invoice_id": {invoice.String()}, "model": {l.Model}}
			if l.Class != "" {
				q.Set("class", l.Class)
			}
			out.RequestsUrl = ptr(Base + "/requests?" + q.Encode())
		}
		return out
	}
}

// ListInvoices lists invoices.
func (s *Server) ListInvoices(ctx context.Context, r gen.ListInvoicesRequestObject) (gen.ListInvoicesResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Invoices.Invoices(ctx, from(ctx).tenant, a)
	if err != nil {
		return nil, err
	}
	return gen.ListInvoices200JSONResponse{Items: each(list.Items, invoiceToAPI), NextCursor: next(list.Next)}, nil
}

// GetInvoice reads an invoice.
func (s *Server) GetInvoice(ctx context.Context, r gen.GetInvoiceRequestObject) (gen.GetInvoiceResponseObject, error) {
	i, err := s.Invoices.Invoice(ctx, from(ctx).tenant, r.InvoiceId)
	if err != nil {
		return nil, err
	}
	return gen.GetInvoice200JSONResponse(invoiceToAPI(&i)), nil
}

// ListInvoiceLines lists the lines of an invoice.
func (s *Server) ListInvoiceLines(ctx context.Context, r gen.ListInvoiceLinesRequestObject) (gen.ListInvoiceLinesResponseObject, error) {
	a, err := ask(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	list, err := s.Invoices.Lines(ctx, from(ctx).tenant, r.InvoiceId, a)
	if err != nil {
		return nil, err
	}
	return gen.ListInvoiceLines200JSONResponse{Items: each(list.Items, lineToAPI(r.InvoiceId)), NextCursor: next(list.Next)}, nil
}

// GetInvoiceCsv is the lines as a file.
func (s *Server) GetInvoiceCsv(ctx context.Context, r gen.GetInvoiceCsvRequestObject) (gen.GetInvoiceCsvResponseObject, error) {
	t := from(ctx).tenant
	i, err := s.Invoices.Invoice(ctx, t, r.InvoiceId)
	if err != nil {
		return nil, err
	}
	read := func(a page.Ask) (page.List[statement.Line], error) { return s.Invoices.Lines(ctx, t, r.InvoiceId, a) }
	out, err := openFile(page.Ask{Limit: fileRows}, read, lineHeader(), lineRow)
	out.name = "invoice-" + i.Number + ".csv"
	return out, err
}
