// Package families finds what a family of models can do in a data file that is a part of the program.
package families

import (
	"encoding/json"
	"sync"
)

// Of reads a list of families from JSON, when it is first asked, and finds that of a model: the first one of which a pattern
// matches the model's name. The last one is for all models and has the pattern "".
func Of[T any](name string, file []byte, patterns func(*T) []string, matches func(model, pattern string) bool) func(model string) T {
	all := sync.OnceValue(func() []T {
		var list []T
		if err := json.Unmarshal(file, &list); err != nil {
			panic(name + ": " + err.Error()) // a part of the program
		}
		return list
	})
	return func(model string) T {
		list := all()
		for i := range list {
			for _, p := range patterns(&list[i]) {
				if matches(model, p) {
					return list[i]
				}
			}
		}
		return list[len(list)-1]
	}
}
