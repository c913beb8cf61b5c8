package config

//go:generate go run starlane/internal/cmd/configdoc ../../../README.md

import (
	"reflect"
	"slices"
	"strings"

	"starlane/internal/platform/secret"
)

// Field describes one setting.
type Field struct {
	Env     string
	Default string
	Help    string
	Example string
	Roles   []string // processes that need it set
	Secret  bool
	index   []int
}

// Needs tells whether a role cannot start without the setting.
func (f Field) Needs(role Role) bool { return slices.Contains(f.Roles, string(role)) }

// Fields lists all settings in the order of the struct.
func Fields() []Field { return fieldsOf(reflect.TypeFor[Config](), nil) }

func fieldsOf(t reflect.Type, at []int) []Field {
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(slices.Clone(at), i)
		name, ok := f.Tag.Lookup("env")
		if !ok {
			out = append(out, fieldsOf(f.Type, index)...)
			continue
		}
		var roles []string
		if r := f.Tag.Get("roles"); r != "" {
			roles = strings.Split(r, ",")
		}
		out = append(out, Field{
			Env: name, Default: f.Tag.Get("envDefault"), Help: f.Tag.Get("help"), Example: f.Tag.Get("example"),
			Roles: roles, Secret: f.Type == reflect.TypeFor[secret.String](), index: index,
		})
	}
	return out
}

func known(name string) bool {
	return slices.ContainsFunc(Fields(), func(f Field) bool { return f.Env == name })
}

func (c *Config) empty(f Field) bool {
	v := reflect.ValueOf(c).Elem().FieldByIndex(f.index)
	if s, ok := v.Interface().(secret.String); ok {
		return s.Empty()
	}
	return v.IsZero()
}
