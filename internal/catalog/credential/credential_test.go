package credential

import (
	"strings"
	"testing"

	"starlane/internal/platform/apperr"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dialect, secret string
		ok              bool
	}{
		{"openai", "sk-12345678", true},
		{"openai", "sk-123", false},
		{"openai", "sk-1234 5678", false},
		{"anthropic", "sk-ant-1234\n5678", false},
		{"azure_openai", "0123456789abcdef", true},
		{"bedrock", "AKIAIOSFODNN7EXAMPLE:secret/with+signs=", true},
		{"bedrock", "ASIAIOSFODNN7EXAMPLE:secret:session", true},
		{"bedrock_anthropic", "ABSKQmVkcm9ja0FQSUtleQ==", true},
		{"bedrock", "AKIAIOSFODNN7EXAMPLE", false},
		{"bedrock", "AKIAIOSFODNN7EXAMPLE:", false},
		{"bedrock", ":secretsecret", false},
		{"bedrock", "a:b:c:d:e:f:g", false},
		{"bedrock", "AKIAIOSFODNN7EXAMPLE: secret", false},
		{"vertex_anthropic", "ya29.token", false},
		{"vertex_anthropic", `{"type":"authorized_user","client_email":"a@b"}`, false},
		{"vertex_anthropic", `{"type":"service_account","client_email":"a@b","token_uri":"file:///etc/passwd"}`, false},
		{"vertex_anthropic", `{"type":"service_account","client_email":"a@b","token_uri":"https://t","private_key":"no PEM of it"}`, false},
	} {
		err := Check(c.dialect, c.secret)
		if (err == nil) != c.ok {
			t.Errorf("%s %q: %v", c.dialect, c.secret, err)
		}
		if err == nil {
			continue
		}
		if e := apperr.From(err); e.Code != apperr.InvalidRequest || e.Param != "secret" {
			t.Errorf("%s: %s on %q", c.dialect, e.Code, e.Param)
		}
		for _, part := range strings.FieldsFunc(c.secret, func(r rune) bool { return strings.ContainsRune(`:{}", `, r) }) {
			if len(part) > 7 && !strings.Contains(googleForm, part) && strings.Contains(err.Error(), part) {
				t.Errorf("%s: the refusal repeats %q", c.dialect, part)
			}
		}
	}
}
