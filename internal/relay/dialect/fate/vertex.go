package fate

// asLabels is what becomes, at Vertex AI, of what a client says about its request; all else is as at Gemini.
var asLabels = map[string]string{ //nolint:gochecknoglobals // a constant table
	"metadata":          "labels of lower-case letters, digits, `_` and `-`",
	"user":              "a label, hashed",
	"safety_identifier": "a label, hashed",
	"metadata.user_id":  "a label, hashed",
}

// withVertex adds to the rows of a client what becomes of its members at Gemini on Vertex AI where that is not as at Gemini.
func withVertex(rows []Row) []Row {
	for i := range rows {
		r := &rows[i]
		note, differs := asLabels[r.Field]
		if !differs {
			continue
		}
		r.To[vertexGemini] = Approximated
		if r.Note != "" {
			r.Note += "; "
		}
		r.Note += "Vertex AI: " + note
	}
	return rows
}
