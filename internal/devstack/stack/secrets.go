package stack

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
)

// Secrets are made at random for each data folder and kept in its secrets.json (0600). There are no default passwords.
type Secrets struct {
	KeyPepper        string `json:"key_pepper"`
	MasterKey        string `json:"master_key"`
	JWTKey           string `json:"jwt_key"`
	StripeKey        string `json:"stripe_key"`
	DatabasePassword string `json:"database_password"`
	RedisPassword    string `json:"redis_password"`
	RedisPort        int    `json:"redis_port"` // the last one used
	UpstreamKey      string `json:"upstream_key"`

	OperatorEmail    string `json:"operator_email"`
	OperatorPassword string `json:"operator_password"`
	OperatorToken    string `json:"operator_token"`

	Demo Demo `json:"demo"`
}

// Demo is what the seed made. Empty fields are made by the next seed.
type Demo struct {
	TenantID      string `json:"tenant_id"`
	OwnerEmail    string `json:"owner_email"`
	OwnerPassword string `json:"owner_password"`
	VirtualKey    string `json:"virtual_key"`
	// Of the two clients whose requests are still to be sent; both are empty when that is done.
	WebAppKey string `json:"web_app_key,omitempty"`
	BatchKey  string `json:"batch_key,omitempty"`
}

func (d DataDir) secrets() (*Secrets, error) {
	var s Secrets
	err := d.readJSON("secrets.json", &s)
	if err == nil {
		return &s, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s = Secrets{
		KeyPepper: key32(), MasterKey: key32(), JWTKey: key32(),
		StripeKey: "sk_test_" + word(24), UpstreamKey: "sk-sim-" + word(24),
		DatabasePassword: word(32), RedisPassword: word(32),
		OperatorEmail: "operator@demo.local", OperatorPassword: passphrase(),
		Demo: Demo{OwnerEmail: "owner@demo.local", OwnerPassword: passphrase()},
	}
	return &s, d.writeJSON("secrets.json", s)
}

func key32() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return base64.StdEncoding.EncodeToString(b)
}

// word returns n letters and digits without those that are easily confused; about 5.8 bits each.
func word(n int) string {
	const letters = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	out := make([]byte, 0, n)
	buf := make([]byte, 1)
	for len(out) < n {
		_, _ = rand.Read(buf)
		if int(buf[0]) < 256/len(letters)*len(letters) { // no letter is likelier than another
			out = append(out, letters[int(buf[0])%len(letters)])
		}
	}
	return string(out)
}

func passphrase() string { return word(5) + "-" + word(5) + "-" + word(5) }
