package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The access key of AWS that the simulator knows.
const (
	AWSAccessKeyID     = "AKIASIMULATED0000001"
	AWSSecretAccessKey = "sim/aws/secret+access/key0000000000000000"
)

const (
	sigAlgorithm = "AWS4-HMAC-SHA256"
	sigTime      = "20060102T150405Z"
	sigSkew      = 5 * time.Minute
)

// signature is what an Authorization header of AWS says.
type signature struct {
	accessKey, date, region, service string
	headers                          []string
	value                            string
}

func readSignature(header string) (s signature, ok bool) {
	rest, ok := strings.CutPrefix(header, sigAlgorithm+" ")
	if !ok {
		return s, false
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			scope := strings.Split(v, "/")
			if len(scope) != 5 || scope[4] != "aws4_request" {
				return s, false
			}
			s.accessKey, s.date, s.region, s.service = scope[0], scope[1], scope[2], scope[3]
		case "SignedHeaders":
			s.headers = strings.Split(v, ";")
		case "Signature":
			s.value = v
		}
	}
	return s, s.accessKey != "" && s.value != "" && slices.Contains(s.headers, "host")
}

// checkSignature verifies a request of AWS's Signature Version 4 by the published rules, not by the library that signs.
// It says in AWS's words what is wrong.
func checkSignature(r *http.Request, body []byte, now time.Time) (kind, problem string) {
	s, ok := readSignature(r.Header.Get("Authorization"))
	if !ok {
		return "IncompleteSignatureException", "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature'."
	}
	if s.accessKey != AWSAccessKeyID {
		return "UnrecognizedClientException", "The security token included in the request is invalid."
	}
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse(sigTime, stamp)
	if err != nil || !strings.HasPrefix(stamp, s.date) {
		return "IncompleteSignatureException", "Authorization header requires a valid 'X-Amz-Date'."
	}
	if d := now.Sub(at); d > sigSkew || d < -sigSkew {
		return "InvalidSignatureException", "Signature expired: " + stamp + " is now earlier than the time allowed."
	}
	if s.service != "bedrock" {
		return "InvalidSignatureException", "Credential should be scoped to correct service: 'bedrock'."
	}
	canonical := canonicalRequest(r, s.headers, body)
	digest := sha256.Sum256([]byte(canonical))
	toSign := strings.Join([]string{sigAlgorithm, stamp, strings.Join([]string{s.date, s.region, s.service, "aws4_request"}, "/"), hex.EncodeToString(digest[:])}, "\n")
	key := []byte("AWS4" + AWSSecretAccessKey)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request", toSign} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	if !hmac.Equal([]byte(hex.EncodeToString(key)), []byte(s.value)) {
		return "InvalidSignatureException", "The request signature we calculated does not match the signature you provided."
	}
	return "", ""
}

// canonicalRequest lays a request out as it is signed. Each segment of the path, escaped as it was sent, is escaped again.
func canonicalRequest(r *http.Request, headers []string, body []byte) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	var b strings.Builder
	b.WriteString(r.Method + "\n" + strings.Join(segments, "/") + "\n" + r.URL.Query().Encode() + "\n")
	for _, name := range headers {
		v := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			v = r.Host
		case "content-length":
			v = r.Header.Get("Content-Length")
			if v == "" {
				v = string(appendInt(nil, int(r.ContentLength)))
			}
		}
		b.WriteString(name + ":" + strings.Join(strings.Fields(v), " ") + "\n")
	}
	digest := sha256.Sum256(body)
	b.WriteString("\n" + strings.Join(headers, ";") + "\n" + hex.EncodeToString(digest[:]))
	return b.String()
}
