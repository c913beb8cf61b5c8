package wire

import (
	"bytes"

	"starlane/internal/relay/llm"
)

// SealMark begins an artifact of one vendor that travels in the format of another: sl1.ORIGIN.KIND.ARTIFACT, where the kind is
// s for a signature and x for an encrypted thought. Clients give it back with their history, and only its maker is shown it
// again.
const SealMark = "sl1."

// AppendSealed writes an artifact for a client whose own format is native.
func AppendSealed(dst []byte, s llm.Sealed, native llm.Origin) []byte {
	if s.Origin == native || len(s.Data) == 0 {
		return append(dst, s.Data...)
	}
	dst = append(append(dst, SealMark...), s.Origin...)
	if s.Alone {
		dst = append(dst, ".x."...)
	} else {
		dst = append(dst, ".s."...)
	}
	return append(dst, s.Data...)
}

// Unseal reads what AppendSealed wrote. alone is what an artifact without the mark is.
func Unseal(t llm.Text, native llm.Origin, alone bool) llm.Sealed {
	if rest, ok := bytes.CutPrefix(t, []byte(SealMark)); ok {
		if part := bytes.SplitN(rest, []byte("."), 3); len(part) == 3 && len(part[1]) == 1 {
			return llm.Sealed{Origin: llm.Origin(part[0]), Data: part[2], Alone: part[1][0] == 'x'}
		}
	}
	return llm.Sealed{Origin: native, Data: t, Alone: alone}
}
