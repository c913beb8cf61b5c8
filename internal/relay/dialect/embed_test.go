package dialect

import (
	"encoding/json"
	"math"
	"testing"

	"pgregory.net/rapid"

	"starlane/internal/relay/llm"
)

// TestVectorsKeepTheirNumbers packs vectors and unpacks them: a 32-bit float is the same afterwards.
func TestVectorsKeepTheirNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32), 1, 20).Draw(t, "vector")
		numbers, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		packed, ok := AppendPacked(nil, llm.Vector{Numbers: numbers})
		if !ok {
			t.Fatalf("not packed: %s", numbers)
		}
		again, ok := AppendNumbers(nil, llm.Vector{Packed: packed})
		if !ok {
			t.Fatalf("not unpacked: %s", packed)
		}
		var got []float32
		if err := json.Unmarshal(again, &got); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Fatalf("got %v, want %v", got[i], want[i])
			}
		}
	})
	for _, v := range []llm.Vector{{}, {Packed: llm.Text("AAA=")}, {Packed: llm.Text("?")}, {Packed: llm.Text("AADAfw==")}, {Numbers: llm.Raw(`["a"]`)}, {Numbers: llm.Raw(`[1e99]`)}, {Numbers: llm.Raw(`{}`)}} {
		_, unpacked := AppendNumbers(nil, v)
		_, packed := AppendPacked(nil, v)
		if v.Packed != nil && unpacked || v.Packed == nil && packed {
			t.Errorf("%s%s is a vector", v.Packed, v.Numbers)
		}
	}
}
