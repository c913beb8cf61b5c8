package netguard

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

// TestGuardedDialerStaysOutside: also a name cannot lead inside, for addresses are looked at when names are resolved.
func TestGuardedDialerStaysOutside(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if _, err := Guard(&net.Dialer{}, false).DialContext(t.Context(), "tcp", net.JoinHostPort(host, port)); !errors.Is(err, ErrPrivate) {
			t.Errorf("%s: %v, want %v", host, err, ErrPrivate)
		}
	}
	c, err := Guard(&net.Dialer{}, true).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("private addresses are allowed: %v", err)
	}
	_ = c.Close()
}

func TestPublic(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true,
		"127.0.0.1": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"fe80::1": false, "fd00::1": false, "0.0.0.0": false, "::": false, "100.64.0.1": false, "224.0.0.1": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "255.255.255.255": false,
		"198.18.0.1": false, "192.0.2.1": false, "168.63.129.16": false, "fec0::1": false, "::127.0.0.1": false, "::ffff:0:7f00:1": false,
		"100::1": false, "5f00::1": false, "3fff::1": false, "64:ff9b:1::a00:1": false, "2002:7f00:1::%eth0": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("public(%s) = %v, want %v", address, got, want)
		}
	}
}
