package stripe

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"
)

//go:embed pages.html
var pagesHTML string

// pageAction is what somebody does on the pay page.
type pageAction string

const (
	payAction     pageAction = "pay"
	declineAction pageAction = "decline"
	bankAction    pageAction = "3ds"
	abandonAction pageAction = "abandon"
)

// cards are the test cards behind the buttons.
var cards = map[pageAction]string{ //nolint:gochecknoglobals // a fixed table
	payAction: "pm_card_visa", declineAction: "pm_card_chargeDeclined", bankAction: "pm_card_threeDSecure2Required",
}

var pageTemplates = template.Must(template.New("pages").Funcs(template.FuncMap{ //nolint:gochecknoglobals // parsed once, read only
	"money": formatCents,
	"date":  func(unix int64) string { return time.Unix(unix, 0).UTC().Format("2 January 2006") },
}).Parse(pagesHTML))

// formatCents writes 123456, "usd" as $1,234.56.
func formatCents(cents int64, currency string) string {
	sign, symbol := "", "$"
	if cents < 0 {
		sign, cents = "-", -cents
	}
	if currency == "eur" {
		symbol = "€"
	}
	whole := decimal(cents / 100)
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return fmt.Sprintf("%s%s%s.%02d", sign, symbol, whole, cents%100)
}

func (s *Server) pageRoutes() {
	s.mux.HandleFunc("GET /{$}", s.homePage)
	s.mux.HandleFunc("GET /c/pay/{session}", s.payPage)
	s.mux.HandleFunc("POST /c/pay/{session}", s.payForm)
	s.mux.HandleFunc("GET /c/3ds/{id}", s.bankPage)
	s.mux.HandleFunc("POST /c/3ds/{id}", s.bankForm)
	s.mux.HandleFunc("GET /c/receipt/{id}", s.receiptPage)
	s.mux.HandleFunc("GET /i/{id}", s.invoicePage)
	s.mux.HandleFunc("POST /i/{id}", s.invoiceForm)
	s.mux.HandleFunc("GET /i/{id}/pdf", s.invoicePDF)
}

// render writes one of the pages. They hold no script and load nothing.
func (s *Server) render(w http.ResponseWriter, status int, name string, data any) {
	var buf bytes.Buffer
	if err := pageTemplates.ExecuteTemplate(&buf, name, data); err != nil {
		s.log.Error("simulated stripe: page", "page", name, "error", err)
		http.Error(w, "page failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("Referrer-Policy", "same-origin")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // the browser may be gone
}

// notice is a page with a sentence.
type notice struct {
	Title, Text, Link, LinkText string
	Good                        bool
}

func (s *Server) notFound(w http.ResponseWriter) {
	s.render(w, http.StatusNotFound, "notice", notice{Title: "Nothing here", Text: "This link is unknown to the simulated Stripe. It may have been reset."})
}

// payView is what the pay page shows.
type payView struct {
	Session  checkoutSession
	Items    []*lineItem
	Total    string
	Subtotal string
	Tax      string
	Email    string
	Setup    bool
	Error    string
}

func (s *Server) payPage(w http.ResponseWriter, r *http.Request) { s.showPay(w, r, "") }

func (s *Server) showPay(w http.ResponseWriter, r *http.Request, problem string) {
	var view payView
	_, _, err := s.commit(r, nil, func(c *call) (any, error) {
		session, err := c.session(r.PathValue("session"))
		if err != nil {
			return nil, err
		}
		view = payView{Session: *session, Items: session.Items, Email: textOf(session.CustomerEmail), Setup: session.Mode == "setup", Error: problem}
		if cus, ok := c.st.Customers.get(textOf(session.Customer)); ok {
			view.Email = textOf(cus.Email)
		}
		if pi, ok := c.st.Intents.get(textOf(session.PaymentIntent)); ok && view.Error == "" && pi.LastPaymentError != nil {
			view.Error = pi.LastPaymentError.Message
		}
		if session.AmountTotal != nil {
			currency := *session.Currency
			view.Total, view.Subtotal = formatCents(*session.AmountTotal, currency), formatCents(*session.AmountSubtotal, currency)
			if tax := session.TotalDetails.AmountTax; tax > 0 {
				view.Tax = formatCents(tax, currency)
			}
		}
		return nil, nil // the view is filled
	})
	switch {
	case err != nil:
		s.notFound(w)
	case view.Session.Status == "complete":
		http.Redirect(w, r, view.Session.successURL(), http.StatusSeeOther)
	case view.Session.Status == "expired":
		s.render(w, http.StatusGone, "notice", notice{
			Title: "This payment page has expired", Text: "Nothing was charged. Go back and start again.",
			Link: view.Session.cancelURL(), LinkText: "Back to the shop",
		})
	default:
		s.render(w, http.StatusOK, "pay", view)
	}
}

// act does a page action and delivers what it fired. The session as it is then comes back, also with a card error.
func (s *Server) act(r *http.Request, sessionID string, action pageAction) (checkoutSession, error) {
	var after checkoutSession
	_, fired, err := s.commit(r, nil, func(c *call) (any, error) {
		session, err := c.session(sessionID)
		if err != nil {
			return nil, err
		}
		if action != abandonAction {
			err = c.pay(session, cards[action])
		}
		after = *session
		return nil, err
	})
	s.saveOrLog()
	s.hooks.deliver(r.Context(), s.plan(fired))
	return after, err
}

// sameSite refuses a form that another site posted.
func (s *Server) sameSite(w http.ResponseWriter, r *http.Request) bool {
	if !originAllowed(r) {
		http.Error(w, "cross-origin form", http.StatusForbidden)
		return false
	}
	return true
}

func (s *Server) payForm(w http.ResponseWriter, r *http.Request) {
	if !s.sameSite(w, r) {
		return
	}
	action := pageAction(r.PostFormValue("action"))
	if _, known := cards[action]; !known && action != abandonAction {
		http.Error(w, "unknown action", http.StatusBadRequest)
		return
	}
	session, err := s.act(r, r.PathValue("session"), action)
	var problem *apiError
	switch {
	case errors.As(err, &problem) && problem.Type == typeCard:
		s.showPay(w, r, problem.Message)
	case err != nil:
		s.showPay(w, r, "")
	case action == abandonAction && session.CancelURL != nil:
		http.Redirect(w, r, session.cancelURL(), http.StatusSeeOther)
	case action == abandonAction:
		s.render(w, http.StatusOK, "notice", notice{Title: "Payment abandoned", Text: "Nothing was charged. The page stays open until it expires.", Link: r.URL.Path, LinkText: "Back to the payment"})
	case session.Status == "complete":
		http.Redirect(w, r, session.successURL(), http.StatusSeeOther)
	default:
		http.Redirect(w, r, "/c/3ds/"+textOf(session.PaymentIntent)+textOf(session.SetupIntent), http.StatusSeeOther)
	}
}

// bankView is the simulated bank's question.
type bankView struct {
	ID    string
	Total string
}

func (s *Server) bankPage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	view := bankView{ID: r.PathValue("id")}
	pi, payment := s.st.Intents.get(view.ID)
	si, setup := s.st.SetupIntents.get(view.ID)
	asked := payment && pi.Status == "requires_action" || setup && si.Status == "requires_action"
	if payment {
		view.Total = formatCents(pi.Amount, pi.Currency)
	}
	s.mu.Unlock()
	if !asked {
		s.render(w, http.StatusNotFound, "notice", notice{Title: "Nothing to confirm", Text: "This payment does not wait for the bank."})
		return
	}
	s.render(w, http.StatusOK, "bank", view)
}

// bankForm takes the customer's answer to the bank and sends the browser where the payment came from.
func (s *Server) bankForm(w http.ResponseWriter, r *http.Request) {
	if !s.sameSite(w, r) {
		return
	}
	agreed := r.PostFormValue("action") == "complete"
	back := ""
	_, fired, err := s.commit(r, nil, func(c *call) (any, error) {
		if pi, ok := c.st.Intents.get(c.id()); ok {
			back = textOf(pi.ReturnURL)
			return nil, c.answerBank(pi, agreed)
		}
		si, ok := c.st.SetupIntents.get(c.id())
		if !ok {
			return nil, missing("setupintent", c.id(), "id")
		}
		back = textOf(si.ReturnURL)
		return nil, c.answerSetupBank(si, agreed)
	})
	s.saveOrLog()
	s.hooks.deliver(r.Context(), s.plan(fired))
	var problem *apiError
	switch {
	case back != "":
		http.Redirect(w, r, back, http.StatusSeeOther)
	case errors.As(err, &problem):
		s.render(w, http.StatusOK, "notice", notice{Title: "Payment not completed", Text: problem.Message})
	case err != nil:
		s.notFound(w)
	default:
		s.render(w, http.StatusOK, "notice", notice{Title: "Confirmed", Text: "Your bank has confirmed the payment. You may close this page.", Good: true})
	}
}

func (c *call) answerBank(pi *paymentIntent, agreed bool) error {
	if pi.Status != "requires_action" {
		return unexpectedState(pi, "authenticate")
	}
	if agreed {
		if err := c.confirm(pi, confirmation{authenticated: true}); err != nil {
			return err
		}
		return c.intentSettled(pi)
	}
	refused := &apiError{
		Status: http.StatusPaymentRequired, Type: typeInvalidRequest, Code: "payment_intent_authentication_failure",
		Message: "The provided PaymentMethod has failed authentication.",
	}
	pi.Status, pi.PaymentMethod, pi.NextAction, pi.LastPaymentError = "requires_payment_method", nil, nil, refused
	c.emit("payment_intent.payment_failed", pi)
	return refused
}

func (c *call) answerSetupBank(si *setupIntent, agreed bool) error {
	if si.Status != "requires_action" {
		return illegal("setup_intent_unexpected_state", "This SetupIntent has a status of %s.", si.Status)
	}
	if agreed {
		if err := c.confirmSetup(si, true); err != nil {
			return err
		}
		c.setupSettled(si)
		return nil
	}
	refused := illegal("setup_intent_authentication_failure", "The latest attempt to set up the payment method has failed because authentication failed.")
	si.Status, si.PaymentMethod, si.NextAction, si.LastSetupError = "requires_payment_method", nil, nil, refused
	c.emit("setup_intent.setup_failed", si)
	return refused
}

func (s *Server) receiptPage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	ch, ok := s.st.Charges.get(r.PathValue("id"))
	var text string
	if ok {
		text = fmt.Sprintf("%s paid with %s •••• %s.", formatCents(ch.Amount, ch.Currency), strings.ToUpper(ch.Details.Card.Brand), ch.Details.Card.Last4)
	}
	s.mu.Unlock()
	if !ok {
		s.notFound(w)
		return
	}
	s.render(w, http.StatusOK, "notice", notice{Title: "Receipt", Text: text, Good: true})
}
