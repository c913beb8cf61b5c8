package wire

// Late writes a warning that came too late for the head of an answer, if there is one. Clients bear a member that they do not know.
func Late(b *Builder, warning string) {
	if warning == "" {
		return
	}
	b.Key("x_starlane")
	b.Open('{')
	b.Key("warnings")
	b.Open('[')
	b.String(warning)
	b.Close(']')
	b.Close('}')
}
