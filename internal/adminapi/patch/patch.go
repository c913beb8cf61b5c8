// Package patch tells a field that was left out of a JSON body from one that was set to null.
package patch

import (
	"encoding/json"
	"fmt"
)

// Field is a member of a patch. The zero value means: left out.
type Field[T any] struct {
	Set   bool
	Value *T // nil with Set: null, that is, remove
}

// UnmarshalJSON is called for null too, but not for a member that is missing.
func (f *Field[T]) UnmarshalJSON(b []byte) error {
	f.Set = true
	if string(b) == "null" {
		f.Value = nil
		return nil
	}
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("patch field: %w", err)
	}
	f.Value = &v
	return nil
}

// MarshalJSON renders the value; a field left out renders as null, as JSON has no other word for it here.
func (f Field[T]) MarshalJSON() ([]byte, error) {
	return json.Marshal(f.Value)
}

// To overwrites old when the field is set.
func (f Field[T]) To(old *T) *T {
	if f.Set {
		return f.Value
	}
	return old
}
