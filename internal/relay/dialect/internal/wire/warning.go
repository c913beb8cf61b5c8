package wire

// unmet says that an answer breaks the schema that was asked for.
const unmet = "unmet:"

// Unmet writes what came out too late for the head of an answer: that it is not of the form that a member asked for. Clients bear a
// member that they do not know.
func Unmet(b *Builder, field string) {
	b.Key("x_starlane")
	b.Open('{')
	b.Key("warnings")
	b.Open('[')
	b.String(unmet + field)
	b.Close(']')
	b.Close('}')
}
