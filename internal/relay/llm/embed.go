package llm

import "starlane/internal/usage"

// EmbedPrompt asks for the vectors of texts, in neutral form. What it refers to lies in the client's body.
type EmbedPrompt struct {
	Client     string // the format that it was asked in, as the table of fates calls it
	Texts      []EmbedText
	Dimensions Raw // nil: as many as the model gives
	Extras     []Extra
}

// EmbedText is a text whose vector is wanted, with what Google's models take to say what for.
type EmbedText struct{ Text, Task, Title Text }

// Vectors are what comes of it, in the order of the texts. They refer to the upstream's answer.
type Vectors struct {
	List     []Vector
	Counts   usage.Counts
	Reported bool
}

// Vector is written in one of two ways.
type Vector struct {
	Numbers Raw  // a JSON list
	Packed  Text // base64 of 32-bit floats, the low byte first
}
