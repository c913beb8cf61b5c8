package stripe_test

import (
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	stripego "github.com/stripe/stripe-go/v79"
)

// known returns the fields of a struct by JSON name, embedded ones included.
func known(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			for name, inner := range known(f.Type) {
				fields[name] = inner
			}
			continue
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			fields[name] = f.Type
		}
	}
	return fields
}

// strangers lists the keys of v that the library's type does not have. Keys that start with sim_ are the simulator's.
func strangers(v any, t reflect.Type, path string) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var found []string
	switch v := v.(type) {
	case []any:
		if t.Kind() == reflect.Slice {
			for _, item := range v {
				found = append(found, strangers(item, t.Elem(), path+"[]")...)
			}
		}
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return nil
		}
		fields := known(t)
		for key, inner := range v {
			field, ok := fields[key]
			switch {
			case strings.HasPrefix(key, "sim_"), key == "object": // the library leaves "object" out of its lists
			case !ok:
				found = append(found, path+"."+key)
			default:
				found = append(found, strangers(inner, field, path+"."+key)...)
			}
		}
	}
	return found
}

// TestShapes compares what the simulator shows with what the library knows of that API version.
func TestShapes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cus := f.customer(t)
	session := f.session(t, cus.ID, 2500)
	require.Equal(t, 200, f.control(t, http.MethodPost, "/_sim/checkout/"+session.ID+"/pay", nil, nil))
	inv := f.draft(t, cus.ID, 1000, 2000)
	_, err := f.api.Invoices.FinalizeInvoice(inv.ID, nil)
	require.NoError(t, err)
	paid, err := f.api.Invoices.Pay(inv.ID, &stripego.InvoicePayParams{PaymentMethod: stripego.String("pm_card_visa")})
	require.NoError(t, err)
	_, err = f.api.CreditNotes.New(&stripego.CreditNoteParams{Invoice: stripego.String(inv.ID), Amount: stripego.Int64(100), RefundAmount: stripego.Int64(100)})
	require.NoError(t, err)
	_, err = f.charge(t, 1000, "pm_card_chargeDeclined", false)
	require.Error(t, err)
	_, err = f.charge(t, 1000, "pm_card_authenticationRequired", false)
	require.NoError(t, err)
	si, err := f.api.SetupIntents.New(&stripego.SetupIntentParams{Customer: stripego.String(cus.ID), PaymentMethod: stripego.String("pm_card_visa"), Confirm: stripego.Bool(true)})
	require.NoError(t, err)
	f.listen(t, "customer.created")

	for path, list := range map[string]any{
		"/v1/customers":                          stripego.CustomerList{},
		"/v1/payment_methods?customer=" + cus.ID: stripego.PaymentMethodList{},
		"/v1/setup_intents":                      stripego.SetupIntentList{},
		"/v1/payment_intents":                    stripego.PaymentIntentList{},
		"/v1/charges":                            stripego.ChargeList{},
		"/v1/balance_transactions":               stripego.BalanceTransactionList{},
		"/v1/refunds":                            stripego.RefundList{},
		"/v1/checkout/sessions":                  stripego.CheckoutSessionList{},
		"/v1/checkout/sessions/" + session.ID + "/line_items": stripego.LineItemList{},
		"/v1/invoices":                                 stripego.InvoiceList{},
		"/v1/invoices/" + inv.ID + "/lines":            stripego.InvoiceLineItemList{},
		"/v1/invoiceitems":                             stripego.InvoiceItemList{},
		"/v1/credit_notes":                             stripego.CreditNoteList{},
		"/v1/webhook_endpoints":                        stripego.WebhookEndpointList{},
		"/v1/events":                                   stripego.EventList{},
		"/v1/balance":                                  stripego.Balance{},
		"/v1/setup_intents/" + si.ID:                   stripego.SetupIntent{},
		"/v1/payment_intents/" + paid.PaymentIntent.ID: stripego.PaymentIntent{},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+path, nil)
		require.NoError(t, err)
		req.SetBasicAuth("sk_test_1", "")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		raw, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode, path)
		var tree map[string]any
		require.NoError(t, json.Unmarshal(raw, &tree))
		if data, isList := tree["data"].([]any); isList {
			require.NotEmpty(t, data, path)
		}
		if odd := strangers(tree, reflect.TypeOf(list), ""); len(odd) > 0 {
			t.Errorf("%s shows what Stripe does not: %v", path, odd)
		}
	}
}
