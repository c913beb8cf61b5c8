package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const key32 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

func TestLoadReportsEverythingAtOnce(t *testing.T) {
	for _, f := range Fields() {
		t.Setenv(f.Env, "")
	}
	t.Setenv("STARLANE_CONSOLE_URL", "not a url")
	_, err := Load(API)
	if err == nil {
		t.Fatal("an empty environment is accepted")
	}
	for _, name := range []string{"DATABASE_URL", "REDIS_URL", "STARLANE_KEY_PEPPER", "STARLANE_MASTER_KEY", "STARLANE_JWT_KEY", "STARLANE_CONSOLE_URL"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("error does not name %s:\n%v", name, err)
		}
	}
}

func TestRelayNeedsNoDatabase(t *testing.T) {
	for _, f := range Fields() {
		t.Setenv(f.Env, "")
		if err := os.Unsetenv(f.Env); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("REDIS_URL", "redis://localhost")
	t.Setenv("STARLANE_KEY_PEPPER", "0123456789abcdef")
	t.Setenv("STARLANE_MASTER_KEY", key32)
	if _, err := Load(Relay); err != nil {
		t.Errorf("Load(Relay) = %v", err)
	}
}

func TestSecretFromFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(path, []byte("redis://from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("REDIS_URL_FILE", path)
	t.Setenv("STARLANE_KEY_PEPPER", "0123456789abcdef")
	t.Setenv("STARLANE_MASTER_KEY", key32)
	c, err := Load(Relay)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.RedisURL.Reveal(), "redis://from-file"; got != want {
		t.Errorf("RedisURL = %q, want %q", got, want)
	}
}

func TestEveryFieldIsExplained(t *testing.T) {
	t.Parallel()
	for _, f := range Fields() {
		if f.Help == "" || (len(f.Roles) > 0 && f.Example == "") {
			t.Errorf("%s has no help or, being required, no example", f.Env)
		}
	}
}
