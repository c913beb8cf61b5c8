package adminapi

import (
	"testing"

	"starlane/internal/adminapi/gen"
	"starlane/internal/catalog/vendor"
)

// TestContractKnowsTheVendors: the contract lists those for whom there are rules.
func TestContractKnowsTheVendors(t *testing.T) {
	t.Parallel()
	names := []string{"", vendor.None}
	for _, p := range vendor.All() {
		names = append(names, p.Name)
	}
	for _, name := range names {
		if !gen.Vendor(name).Valid() {
			t.Errorf("the contract has no vendor %q", name)
		}
	}
}
