package adminapi

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/gin-gonic/gin"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"starlane/internal/platform/id"
)

//go:embed openapi.yaml
var specYAML []byte

// SpecYAML returns the contract.
func SpecYAML() []byte { return specYAML }

// spec finds the operation of a route. Routing itself is gin's.
type spec struct {
	doc     *openapi3.T
	routes  map[string]*routers.Route // "GET /keys/:key_id"
	formats []openapi3.SchemaValidationOption
}

// oneValue refuses a body that holds more than one JSON value: the decoder would stop after the first.
func oneValue(c *gin.Context) error {
	body, err := io.ReadAll(c.Request.Body)
	if err != nil {
		return describe(err)
	}
	if len(bytes.TrimSpace(body)) > 0 && !json.Valid(body) {
		return &invalid{message: "The body is not JSON.", parts: []part{{"", "is not JSON"}}}
	}
	c.Request.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

func loadSpec() (*spec, error) {
	doc, err := openapi3.NewLoader().LoadFromData(specYAML)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	s := &spec{doc: doc, routes: map[string]*routers.Route{}, formats: []openapi3.SchemaValidationOption{
		openapi3.WithStringFormatValidator("uuid", openapi3.NewCallbackValidator(func(text string) error {
			_, err := id.Parse(text)
			return err
		})),
	}}
	braces := strings.NewReplacer("{", ":", "}", "")
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			s.routes[method+" "+Base+braces.Replace(path)] = &routers.Route{
				Spec: doc, Server: doc.Servers[0], Path: path, PathItem: item, Method: method, Operation: op,
			}
		}
	}
	return s, nil
}

func (s *spec) route(c *gin.Context) *routers.Route {
	return s.routes[c.Request.Method+" "+c.FullPath()]
}

// validate checks parameters and body against the contract, so that handlers meet only what it allows.
func (s *Server) validate(c *gin.Context) {
	route := s.spec.route(c)
	if route == nil {
		s.problem(c, noSuchPath())
		return
	}
	params := map[string]string{}
	for _, p := range c.Params {
		params[p.Key] = p.Value
	}
	if err := oneValue(c); err != nil {
		s.problem(c, err)
		return
	}
	in := &openapi3filter.RequestValidationInput{
		Request: c.Request, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true, KeepValidatedValue: true, SchemaValidationOptions: s.spec.formats,
			SkipSettingDefaults: true, // handlers tell a limit that was asked for from one that was not
		},
	}
	if err := openapi3filter.ValidateRequest(context.WithoutCancel(c.Request.Context()), in); err != nil {
		s.problem(c, describe(err))
	}
}

// describe lists what is wrong by JSON pointer. It shows rules, not values, because a value may be a secret.
func describe(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return tooLarge
	}
	out := &invalid{message: "The request does not fit the contract."}
	out.add("", err)
	if len(out.parts) == 1 {
		out.message = "The request does not fit the contract: " + strings.TrimSpace(out.parts[0].pointer+" "+out.parts[0].detail) + "."
	}
	return out
}

func (e *invalid) add(name string, err error) {
	var many openapi3.MultiError
	var request *openapi3filter.RequestError
	var schema *openapi3.SchemaError
	switch {
	case errors.As(err, &request):
		if request.Parameter != nil {
			name = request.Parameter.Name
		}
		if request.Err == nil {
			e.parts = append(e.parts, part{name, request.Reason})
			return
		}
		e.add(name, request.Err)
	case errors.As(err, &many):
		for _, one := range many {
			e.add(name, one)
		}
	case errors.As(err, &schema):
		pointer := name
		if name == "" {
			pointer = "/" + strings.Join(schema.JSONPointer(), "/")
		}
		e.parts = append(e.parts, part{pointer, brokenRule(schema)})
	case errors.Is(err, openapi3filter.ErrInvalidRequired):
		e.parts = append(e.parts, part{name, "is required"})
	case name == "":
		e.parts = append(e.parts, part{"", "the body is not JSON"})
	default:
		e.parts = append(e.parts, part{name, "is not of the right form"})
	}
}

// brokenRule says in words which rule of the contract a value breaks. The library checks schemas whose words are newer
// than OpenAPI 3.0 with another validator, whose own sentences repeat the value and name its place a second time.
func brokenRule(err *openapi3.SchemaError) string {
	var found *jsonschema.ValidationError
	if !errors.As(err, &found) {
		return err.Reason
	}
	switch rule := found.ErrorKind.(type) {
	case *kind.Pattern:
		return "string doesn't match the regular expression " + quoted([]string{rule.Want})
	case *kind.Type:
		return "value must be of type " + strings.Join(rule.Want, " or ")
	case *kind.Required:
		return "property " + quoted(rule.Missing) + " is missing"
	case *kind.AdditionalProperties:
		return "property " + quoted(rule.Properties) + " is unsupported"
	}
	return "value breaks the rule " + quoted(found.ErrorKind.KeywordPath()) + " of the contract"
}

func quoted(names []string) string { return `"` + strings.Join(names, `", "`) + `"` }

func (s *Server) serveSpec(c *gin.Context) {
	c.Header("Cache-Control", "no-cache")
	c.Data(http.StatusOK, "application/yaml; charset=utf-8", specYAML)
}
