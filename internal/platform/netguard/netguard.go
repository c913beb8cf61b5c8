// Package netguard keeps connections that others choose the address of out of private networks.
package netguard

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// ErrPrivate means that an address is not public.
var ErrPrivate = errors.New("the address is not public, and private addresses are not allowed")

// Guard has a dialer refuse private addresses, unless they are allowed.
func Guard(d *net.Dialer, allowPrivate bool) *net.Dialer {
	if !allowPrivate {
		d.ControlContext = refusePrivate
	}
	return d
}

// refusePrivate is asked by the dialer for each address after names were resolved, so that no name can lead inside.
func refusePrivate(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !public(ap.Addr()) {
		return ErrPrivate
	}
	return nil
}

// reserved are the networks that are global unicast by name only, and an address of Azure's that its machines reach their host by.
//
//nolint:gochecknoglobals // a constant that Go cannot write as one
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("168.63.129.16/32"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
}

// unicast6 is all that is given out of IPv6. Elsewhere are ways to write addresses of IPv4, which gateways take.
var unicast6 = netip.MustParsePrefix("2000::/3") //nolint:gochecknoglobals // see above

func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !unicast6.Contains(a.WithZone("")) {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a.WithZone("")) {
			return false
		}
	}
	return true
}
