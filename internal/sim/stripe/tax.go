package stripe

import "strconv"

// taxPerMille is a fixed table of made-up simplicity: the standard rate by country, in thousandths. Countries that are
// not in it pay no tax.
var taxPerMille = map[string]int64{ //nolint:gochecknoglobals // a fixed table
	"AT": 200, "BE": 210, "DE": 190, "DK": 250, "ES": 210, "FI": 255, "FR": 200, "GB": 200, "IE": 230, "IT": 220, "NL": 210,
	"PL": 230, "PT": 230, "SE": 250,
}

// taxOn is the tax on amount cents for the customer, rounded half up. It is 0 when automatic tax is off.
func taxOn(amount int64, automatic bool, cus *customer) int64 {
	if !automatic || cus == nil || cus.TaxExempt != "none" || amount <= 0 {
		return 0
	}
	return (amount*taxPerMille[cus.country()] + 500) / 1000
}

// automaticTax is the state of tax calculation on a session or an invoice.
type automaticTax struct {
	Enabled bool    `json:"enabled"`
	Status  *string `json:"status"`
}

func newAutomaticTax(enabled bool, cus *customer) automaticTax {
	if !enabled {
		return automaticTax{}
	}
	status := "complete"
	if cus == nil || cus.country() == "" {
		status = "requires_location_inputs"
	}
	return automaticTax{Enabled: true, Status: &status}
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
