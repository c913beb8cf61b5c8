package provider

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// google is what the simulator knows of Google's accounts: the key of one service account and the tokens it got.
type google struct {
	private func() *rsa.PrivateKey

	mu     sync.Mutex
	tokens map[string]time.Time // by token, its end
	life   time.Duration
	minted int
	refuse int // status of the token endpoint; 0: it works
}

const (
	serviceAccount  = "relay@starlane-sim.iam.gserviceaccount.com"
	tokenPath       = "/token"
	tokenLife       = time.Hour
	cloudScope      = "https://www.googleapis.com/auth/cloud-platform"
	jwtBearer       = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	serviceKeyBits  = 2048
	maxAssertionAge = time.Hour
)

func newGoogle() *google {
	return &google{tokens: map[string]time.Time{}, life: tokenLife, private: sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, serviceKeyBits)
		if err != nil {
			panic("simulated provider: " + err.Error()) // the system has no random numbers
		}
		return key
	})}
}

// ServiceAccount is the JSON file of the service account that the simulator's Vertex AI knows, for a server at this address.
func (s *Server) ServiceAccount(address string) string {
	der, err := x509.MarshalPKCS8PrivateKey(s.google.private())
	if err != nil {
		panic("simulated provider: " + err.Error()) // an RSA key always marshals
	}
	return string(appendJSON(nil, map[string]string{
		"type": "service_account", "project_id": "starlane-sim", "private_key_id": "5f0000000000000000000000000000000000sim1",
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": serviceAccount, "token_uri": address + tokenPath,
	}))
}

// TokenEndpoint sets how long Google's tokens live, and the status that the endpoint refuses with unless it is 0. It returns how
// many tokens were given out.
func (s *Server) TokenEndpoint(life time.Duration, refuse int) (minted int) {
	s.google.mu.Lock()
	defer s.google.mu.Unlock()
	s.google.life, s.google.refuse = life, refuse
	return s.google.minted
}

// vertex is the wire of Claude on Vertex AI: Anthropic's, with Google at the door.
type vertex struct {
	anthropic
	google *google
}

func (v vertex) key(r *http.Request) (string, *apiError) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	v.google.mu.Lock()
	end, known := v.google.tokens[token]
	v.google.mu.Unlock()
	if !ok || !known || time.Now().After(end) {
		return "", newError(http.StatusUnauthorized, "", "", "", "Request had invalid authentication credentials.").of(classBadKey)
	}
	return KeyPrefix + serviceAccount, nil
}

func (v vertex) refuse(c *call, e *apiError) {
	switch e.class {
	case classBadKey, classNoModel, classRate, classQuota, classServer, classOverloaded: // Google's own words
		r := gemini{}.rpc(c, e)
		r.Code = e.status
		r.Status = rpcStatus(r.Code)
		c.status = r.Code
		writeJSON(c.w, r.Code, append(appendRPCError(nil, r), '\n'))
	default:
		v.anthropic.refuse(c, e)
	}
}

func (s *Server) vertex() {
	v := vertex{google: s.google}
	s.mux.HandleFunc("POST "+tokenPath, s.token)
	s.mux.HandleFunc("GET /_sim/service-account", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, []byte(s.ServiceAccount("http://"+r.Host)))
	})
	s.mux.HandleFunc("POST /v1/projects/{project}/locations/{location}/publishers/anthropic/models/{call}", s.api(v, s.rawPredict))
	s.mux.HandleFunc("POST /v1/projects/{project}/locations/{location}/publishers/google/models/{call}", s.api(vertexGemini{vertex: v}, s.vertexMethod))
}

// rawPredict serves Claude: the Messages API without the model, with the version in the body.
func (s *Server) rawPredict(c *call) *apiError {
	model, method, _ := strings.Cut(c.r.PathValue("call"), ":")
	if method != "rawPredict" && method != "streamRawPredict" {
		return newError(http.StatusNotFound, "", "", "", "Not found.")
	}
	if e := c.hosted("vertex-2023-10-16", ""); e != nil {
		return e
	}
	model, _, _ = strings.Cut(model, "@")
	if e := c.setMembers(map[string]any{"model": model}); e != nil {
		return e
	}
	c.r.Header.Set(anthropicVersion, "2023-06-01")
	return s.messages(c)
}

// token serves the exchange of a signed assertion for a token (RFC 7523).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	g := s.google
	g.mu.Lock()
	refuse := g.refuse
	g.mu.Unlock()
	if refuse != 0 {
		writeJSON(w, refuse, []byte(`{"error":"unavailable"}`))
		return
	}
	problem := ""
	if r.PostFormValue("grant_type") != jwtBearer {
		problem = "unsupported_grant_type"
	} else if !g.signed(r.PostFormValue("assertion"), "http://"+r.Host+tokenPath) {
		problem = "invalid_grant"
	}
	if problem != "" {
		writeJSON(w, http.StatusBadRequest, []byte(`{"error":"`+problem+`","error_description":"Invalid JWT Signature."}`))
		return
	}
	token := s.newID("ya29.sim-")
	g.mu.Lock()
	g.tokens[token] = time.Now().Add(g.life)
	g.minted++
	seconds := int(g.life / time.Second)
	g.mu.Unlock()
	writeJSON(w, http.StatusOK, []byte(`{"access_token":"`+token+`","expires_in":`+strconv.Itoa(seconds)+`,"token_type":"Bearer"}`))
}

// signed verifies an assertion of the service account: RS256, for this audience, not older than it may be.
func (g *google) signed(assertion, audience string) bool {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return false
	}
	decode := func(part string, into any) bool {
		b, err := base64.RawURLEncoding.DecodeString(part)
		return err == nil && json.Unmarshal(b, into) == nil
	}
	var head struct{ Alg string }
	var claims struct {
		Iss, Scope, Aud string
		Iat, Exp        int64
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !decode(parts[0], &head) || !decode(parts[1], &claims) || head.Alg != "RS256" {
		return false
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(&g.private().PublicKey, crypto.SHA256, digest[:], signature) != nil {
		return false
	}
	now := time.Now().Unix()
	return claims.Iss == serviceAccount && claims.Aud == audience && claims.Scope == cloudScope &&
		claims.Exp > now && claims.Exp-claims.Iat <= int64(maxAssertionAge/time.Second)+10
}
