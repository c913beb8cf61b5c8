package adminapi

import (
	"encoding/csv"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"

	"starlane/internal/adminapi/gen"
	"starlane/internal/platform/page"
	"starlane/internal/tenancy/tenant"
	"starlane/internal/usage"
)

// TestEveryRouteIsInTheContractAndBack also wants an ability decided for each operation, an error answer, and the header
// that makes creating calls repeatable.
func TestEveryRouteIsInTheContractAndBack(t *testing.T) {
	t.Parallel()
	sp, err := loadSpec()
	if err != nil {
		t.Fatal(err)
	}
	if err := sp.doc.Validate(t.Context()); err != nil {
		t.Errorf("openapi.yaml: %v", err)
	}
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	gen.RegisterHandlers(e.Group(Base), gen.NewStrictHandler((*Server)(nil), nil))
	served := map[string]bool{}
	for _, r := range e.Routes() {
		served[r.Method+" "+r.Path] = true
		if sp.routes[r.Method+" "+r.Path] == nil {
			t.Errorf("%s %s is served and not in the contract", r.Method, r.Path)
		}
	}
	tags := map[string]bool{}
	for _, tag := range sp.doc.Tags {
		tags[tag.Name] = true
	}
	for route, r := range sp.routes {
		op := r.Operation
		if !served[route] {
			t.Errorf("%s is in the contract and not served", route)
		}
		name := strings.ToUpper(op.OperationID[:1]) + op.OperationID[1:]
		if _, ok := abilityOf(name); !ok {
			t.Errorf("%s: nobody has decided who may call it", name)
		}
		if len(op.Tags) != 1 || !tags[op.Tags[0]] || op.Summary == "" {
			t.Errorf("%s: wants one known tag and a summary", name)
		}
		if op.Responses.Default() == nil {
			t.Errorf("%s: does not say how it fails", name)
		}
		if r.Method == "POST" && op.Responses.Value("201") != nil && op.Parameters.GetByInAndName("header", "Idempotency-Key") == nil {
			t.Errorf("%s: creates and takes no Idempotency-Key", name)
		}
	}
}

// TestWordsOfContractAndProduct compares lists that exist on both sides.
func TestWordsOfContractAndProduct(t *testing.T) {
	t.Parallel()
	sp, err := loadSpec()
	if err != nil {
		t.Fatal(err)
	}
	want := func(schema string, words []string) {
		t.Helper()
		var got []string
		for _, v := range sp.doc.Components.Schemas[schema].Value.Enum {
			got = append(got, v.(string))
		}
		slices.Sort(got)
		slices.Sort(words)
		if !slices.Equal(got, words) {
			t.Errorf("%s: contract %v, product %v", schema, got, words)
		}
	}
	var abilities, roles []string
	for _, a := range tenant.Abilities() {
		abilities = append(abilities, string(a))
	}
	for _, r := range tenant.Roles() {
		roles = append(roles, string(r))
	}
	want("Ability", abilities)
	want("Role", roles)
	var classes []string
	for c := range usage.NumClasses {
		classes = append(classes, c.String())
	}
	want("TokenClass", classes)
}

// TestListsLookAlike: every page is {items, next_cursor}.
func TestListsLookAlike(t *testing.T) {
	t.Parallel()
	sp, err := loadSpec()
	if err != nil {
		t.Fatal(err)
	}
	for name, ref := range sp.doc.Components.Schemas {
		if !strings.HasSuffix(name, "Page") {
			continue
		}
		cursor := ref.Value.Properties["next_cursor"]
		if ref.Value.Properties["items"] == nil || cursor == nil || !cursor.Value.Type.Includes(openapi3.TypeNull) {
			t.Errorf("%s: want items and a next_cursor that may be null", name)
		}
	}
}

func TestFilesAreHarmless(t *testing.T) {
	t.Parallel()
	cells := []string{"=1+1", "-2.5", "@x", "+1", "plain, with \"quotes\"", "-x"}
	f := file[string]{header: []string{"a"}, row: func(cell *string) []string { return []string{*cell} }, page: page.List[string]{Items: cells}}
	answer := httptest.NewRecorder()
	if err := f.write(answer); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(answer.Body).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a", "'=1+1", "-2.5", "'@x", "+1", "plain, with \"quotes\"", "'-x"}
	var got []string
	for _, r := range rows {
		got = append(got, r[0])
	}
	if !slices.Equal(got, want) {
		t.Errorf("cells = %q, want %q", got, want)
	}
}
