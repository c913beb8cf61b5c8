package stripe

import (
	"cmp"
	"net/http"
	"time"
)

// recentRows is how many rows each table of the overview shows.
const recentRows = 10

// homeView is the overview of the account, for people who open the simulator in a browser.
type homeView struct {
	Now      string
	Charges  string
	Refunds  string
	Fees     string
	Net      string
	Sessions []homeRow
	Invoices []homeRow
	Hooks    []deliveryRecord
	Waiting  int
}

type homeRow struct {
	ID, Link, Who, Amount, Status string
	Good                          bool
}

func (s *Server) homePage(w http.ResponseWriter, _ *http.Request) {
	s.render(w, http.StatusOK, "home", s.overview())
}

func (s *Server) overview() homeView {
	s.mu.Lock()
	cash := s.cash()["usd"]
	view := homeView{
		Now: s.now().UTC().Format(time.RFC1123), Charges: formatCents(cash.Charges, "usd"),
		Refunds: formatCents(cash.Refunds-cash.RefundFailures, "usd"), Fees: formatCents(cash.Fees, "usd"), Net: formatCents(cash.Net, "usd"),
	}
	sessions, invoices := s.st.Sessions.newestFirst(), s.st.Invoices.newestFirst()
	for _, session := range sessions[:min(recentRows, len(sessions))] {
		row := homeRow{ID: session.ID, Link: textOf(session.URL), Who: s.nameOf(textOf(session.Customer)), Status: session.Status, Good: session.PaymentStatus == "paid"}
		if session.AmountTotal != nil {
			row.Amount = formatCents(*session.AmountTotal, textOf(session.Currency))
		}
		view.Sessions = append(view.Sessions, row)
	}
	for _, inv := range invoices[:min(recentRows, len(invoices))] {
		view.Invoices = append(view.Invoices, homeRow{
			ID: cmp.Or(textOf(inv.Number), inv.ID), Link: textOf(inv.HostedInvoiceURL), Who: s.nameOf(inv.Customer),
			Amount: formatCents(inv.Total, inv.Currency), Status: inv.Status, Good: inv.Paid,
		})
	}
	s.mu.Unlock()
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	view.Waiting = len(s.hooks.queue)
	for i := len(s.hooks.history) - 1; i >= 0 && len(view.Hooks) < recentRows; i-- {
		view.Hooks = append(view.Hooks, s.hooks.history[i])
	}
	return view
}

// nameOf returns what to call a customer. The mutex must be held.
func (s *Server) nameOf(id string) string {
	if cus, ok := s.st.Customers.get(id); ok {
		return cmp.Or(textOf(cus.Name), cus.ID)
	}
	return id
}
