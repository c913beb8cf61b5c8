package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// Kinds of seals, so that one cannot pass for another.
const (
	sealThinking = "thinking"
	sealRedacted = "redacted"
)

const nonceSize = 8

// seal gives an opaque token that only this server's seed can make for these parts: what a vendor's signature or
// encrypted reasoning is to its client. The nonce keeps the tokens of equal parts apart.
func (s *Server) seal(nonce uint64, kind string, parts ...string) string {
	token := binary.BigEndian.AppendUint64(make([]byte, 0, nonceSize+sha256.Size), nonce)
	return base64.StdEncoding.EncodeToString(s.mac(token, token, kind, parts))
}

// sealed says whether a token was made by seal for these parts. URL-safe base64 passes too, as some JSON mappings
// rewrite bytes that way.
func (s *Server) sealed(token, kind string, parts ...string) bool {
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		raw, err = base64.URLEncoding.DecodeString(token)
	}
	if err != nil || len(raw) != nonceSize+sha256.Size {
		return false
	}
	return hmac.Equal(raw[nonceSize:], s.mac(nil, raw[:nonceSize], kind, parts))
}

// mac appends the authentication code of the parts to out. Lengths go in too, so that moving text from one part to
// the next changes it.
func (s *Server) mac(out, nonce []byte, kind string, parts []string) []byte {
	h := hmac.New(sha256.New, binary.BigEndian.AppendUint64([]byte("simulated provider"), s.cfg.Seed))
	h.Write(nonce)
	for _, p := range append([]string{kind}, parts...) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return h.Sum(out)
}
