package stripe

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// invoicePageView is what the hosted invoice page shows.
type invoicePageView struct {
	Invoice  invoice
	Number   string
	Customer string
	Email    string
	Lines    []*invoiceLine
	Tax      int64
	Error    string
}

func (s *Server) readInvoice(id string) (invoicePageView, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inv, ok := s.st.Invoices.get(id)
	if !ok || inv.Number == nil {
		return invoicePageView{}, false
	}
	view := invoicePageView{Invoice: *inv, Number: textOf(inv.Number), Customer: textOf(inv.CustomerName), Email: textOf(inv.CustomerEmail)}
	if inv.Tax != nil {
		view.Tax = *inv.Tax
	}
	for _, item := range s.itemsOf(inv) {
		view.Lines = append(view.Lines, item.line())
	}
	return view, true
}

func (s *Server) invoicePage(w http.ResponseWriter, r *http.Request) { s.showInvoice(w, r, "") }

func (s *Server) showInvoice(w http.ResponseWriter, r *http.Request, problem string) {
	view, ok := s.readInvoice(r.PathValue("id"))
	if !ok {
		s.notFound(w)
		return
	}
	view.Error = problem
	s.render(w, http.StatusOK, "invoice", view)
}

func (s *Server) invoiceForm(w http.ResponseWriter, r *http.Request) {
	if !s.sameSite(w, r) {
		return
	}
	magic, known := cards[pageAction(r.PostFormValue("action"))]
	if !known {
		http.Error(w, "unknown action", http.StatusBadRequest)
		return
	}
	_, fired, err := s.commit(r, nil, func(c *call) (any, error) {
		inv, err := c.invoice()
		if err != nil {
			return nil, err
		}
		if inv.Status != "open" {
			return nil, illegal("status_transition_invalid", "This invoice has a status of %s.", inv.Status)
		}
		return nil, c.charge(inv, magic, false)
	})
	s.saveOrLog()
	s.hooks.deliver(r.Context(), s.plan(fired))
	var problem *apiError
	if errors.As(err, &problem) {
		s.showInvoice(w, r, problem.Message)
		return
	}
	http.Redirect(w, r, r.URL.Path, http.StatusSeeOther)
}

func (s *Server) invoicePDF(w http.ResponseWriter, r *http.Request) {
	view, ok := s.readInvoice(r.PathValue("id"))
	if !ok {
		s.notFound(w)
		return
	}
	inv := view.Invoice
	rows := []string{
		"Invoice " + view.Number, "Simulated Stripe: not a legal document", "",
		"Bill to: " + view.Customer + " " + view.Email, "Status: " + inv.Status, "",
	}
	for _, line := range view.Lines {
		rows = append(rows, fmt.Sprintf("%-60.60s %14s", textOf(line.Description), formatCents(line.Amount, line.Currency)))
	}
	rows = append(rows, "", fmt.Sprintf("%-60s %14s", "Subtotal", formatCents(inv.Subtotal, inv.Currency)),
		fmt.Sprintf("%-60s %14s", "Tax", formatCents(view.Tax, inv.Currency)),
		fmt.Sprintf("%-60s %14s", "Amount due", formatCents(inv.AmountDue, inv.Currency)))
	body := simplePDF(rows)
	w.Header().Set("Content-Type", "application/pdf")
	w.Header().Set("Content-Disposition", `inline; filename="Invoice-`+view.Number+`.pdf"`)
	_, _ = w.Write(body) // the browser may be gone
}

const pdfRowsPerPage = 60

// simplePDF sets rows in Courier, as many pages as they need.
func simplePDF(rows []string) []byte {
	pages := (len(rows) + pdfRowsPerPage - 1) / pdfRowsPerPage
	kids := make([]string, 0, pages)
	objects := []string{"<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>"}
	for page := range pages {
		var text strings.Builder
		text.WriteString("BT /F1 10 Tf 50 790 Td 12 TL\n")
		for _, row := range rows[page*pdfRowsPerPage : min(len(rows), (page+1)*pdfRowsPerPage)] {
			text.WriteString("(" + pdfText(row) + ") Tj T*\n")
		}
		text.WriteString("ET")
		content := len(objects) + 1
		objects = append(objects, fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", text.Len(), text.String()),
			fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>", content))
		kids = append(kids, fmt.Sprintf("%d 0 R", content+1))
	}
	objects[1] = fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), pages)
	var out bytes.Buffer
	out.WriteString("%PDF-1.4\n")
	offsets := make([]int, len(objects))
	for i, object := range objects {
		offsets[i] = out.Len()
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, offset := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&out, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return out.Bytes()
}

// pdfText escapes what has a meaning in a PDF string and replaces what Courier's encoding lacks.
func pdfText(s string) string {
	var out strings.Builder
	for _, r := range s {
		switch {
		case r == '(' || r == ')' || r == '\\':
			out.WriteRune('\\')
			out.WriteRune(r)
		case r < 32 || r > 126:
			out.WriteByte('?')
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}
