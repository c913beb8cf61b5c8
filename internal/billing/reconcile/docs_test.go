package reconcile

import (
	"os"
	"strings"
	"testing"
)

// TestDocsShowTheQueries keeps the queries of docs/ledger.md, which people run by hand, those that the worker runs.
func TestDocsShowTheQueries(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../../docs/ledger.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range Identities() {
		if !strings.Contains(string(doc), "```sql"+i.Query+"\n```") {
			t.Errorf("docs/ledger.md does not show the query of %s as it is", i.Name)
		}
	}
}
