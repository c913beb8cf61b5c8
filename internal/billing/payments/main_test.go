package payments_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a closed gateway leaves a goroutine behind. Idle connections of the default client are the
// tests' own.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}
