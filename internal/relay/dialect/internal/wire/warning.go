package wire

// Late writes the warnings that came too late for the head of an answer, if there are any. Clients bear a member that they do not know.
func Late(b *Builder, warnings []string) {
	if len(warnings) == 0 {
		return
	}
	b.Key("x_starlane")
	b.Open('{')
	b.Key("warnings")
	b.Open('[')
	for _, w := range warnings {
		b.String(w)
	}
	b.Close(']')
	b.Close('}')
}
