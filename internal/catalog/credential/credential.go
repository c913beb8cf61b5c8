// Package credential reads what stands in an upstream key: a plain key, keys of AWS, or a service account of Google. What it
// returns as errors is fit to be shown and holds nothing of the key.
package credential

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"

	"golang.org/x/oauth2/jwt"

	"starlane/internal/platform/apperr"
)

// Check refuses a key that no upstream of the dialect can take. Errors are apperr.
func Check(dialect, secret string) error {
	var err error
	switch {
	case strings.HasPrefix(dialect, "bedrock"):
		_, err = ReadAWS(secret)
	case strings.HasPrefix(dialect, "vertex"):
		_, err = ReadServiceAccount(secret)
	case strings.ContainsFunc(secret, notOfHeader) || len(secret) < shortest:
		err = refuse("A key is one word of letters, digits and signs, without spaces or line breaks.")
	}
	return err
}

// shortest is less than any key has, so that what is shown of one is no large part of it.
const shortest = 8

func refuse(message string) error {
	return apperr.New(apperr.InvalidRequest, "%s", message).WithParam("secret")
}

// notOfHeader tells characters that cannot stand in a header's value.
func notOfHeader(r rune) bool { return r <= ' ' || r > '~' }

// AWS is a credential of AWS: an access key with which requests are signed, or a bearer token.
type AWS struct{ AccessKeyID, SecretAccessKey, SessionToken, Bearer string }

const awsForm = "A key of Bedrock is ACCESS_KEY_ID:SECRET_ACCESS_KEY, with :SESSION_TOKEN behind it if there is one, or an API key of Bedrock."

// ReadAWS reads a credential of AWS.
func ReadAWS(secret string) (AWS, error) {
	parts := strings.Split(secret, ":")
	if strings.ContainsFunc(secret, notOfHeader) || len(parts) > 3 || len(secret) < shortest {
		return AWS{}, refuse(awsForm)
	}
	for _, p := range parts {
		if p == "" {
			return AWS{}, refuse(awsForm)
		}
	}
	switch len(parts) {
	case 1:
		// The first half of a pair alone is the commonest slip.
		if len(secret) == accessKeyLen && (strings.HasPrefix(secret, "AKIA") || strings.HasPrefix(secret, "ASIA")) {
			return AWS{}, refuse(awsForm)
		}
		return AWS{Bearer: secret}, nil
	case 2:
		return AWS{AccessKeyID: parts[0], SecretAccessKey: parts[1]}, nil
	default:
		return AWS{AccessKeyID: parts[0], SecretAccessKey: parts[1], SessionToken: parts[2]}, nil
	}
}

const accessKeyLen = 20

// Scope is what tokens of Google are asked for.
const Scope = "https://www.googleapis.com/auth/cloud-platform"

const googleForm = "A key of Vertex AI is the JSON file of a service account, with client_email, private_key and token_uri."

// ReadServiceAccount reads the JSON file of a service account.
func ReadServiceAccount(secret string) (*jwt.Config, error) {
	var f struct {
		Type         string `json:"type"`
		ClientEmail  string `json:"client_email"`
		PrivateKeyID string `json:"private_key_id"`
		PrivateKey   string `json:"private_key"`
		TokenURI     string `json:"token_uri"`
	}
	if err := json.Unmarshal([]byte(secret), &f); err != nil || f.Type != "service_account" || f.ClientEmail == "" {
		return nil, refuse(googleForm)
	}
	if !strings.HasPrefix(f.TokenURI, "https://") && !strings.HasPrefix(f.TokenURI, "http://") {
		return nil, refuse(googleForm)
	}
	block, _ := pem.Decode([]byte(f.PrivateKey))
	if block == nil {
		return nil, refuse("The private_key of the service account is not in PEM.")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if _, ok := key.(*rsa.PrivateKey); err != nil || !ok {
		return nil, refuse("The private_key of the service account is no RSA key (PKCS #8).")
	}
	return &jwt.Config{Email: f.ClientEmail, PrivateKeyID: f.PrivateKeyID, PrivateKey: []byte(f.PrivateKey), Scopes: []string{Scope}, TokenURL: f.TokenURI}, nil
}
