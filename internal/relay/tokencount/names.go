package tokencount

// ByName gives the encoding that OpenAI publishes under a name; any other name is O200K, the estimate for models whose
// own tokenizer is not public.
func ByName(name string) Encoding {
	if name == "cl100k_base" {
		return CL100K
	}
	return O200K
}

// Named counts by the names of encodings, as the model catalogue has them.
type Named struct{ Counter *Counter }

// Count gives the number of tokens of a text in the named encoding.
func (n Named) Count(tokenizer string, text []byte) int64 {
	return int64(n.Counter.Count(ByName(tokenizer), text))
}
