package network

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestResolvConf(t *testing.T) {
	for _, tc := range []struct {
		name    string
		machine string // lines are separated by |
		dns     DNS
		want    string
	}{
		{"the machine's", "# by dhcp|nameserver 10.0.0.2|search a.test b.test|options ndots:2", DNS{},
			"nameserver 10.0.0.2|search a.test b.test|options ndots:2"},
		{"without the loopback", "nameserver 127.0.0.1|nameserver ::1|nameserver 10.0.0.2", DNS{}, "nameserver 10.0.0.2"},
		{"without IPv6", "nameserver fe80::1%eth0|nameserver 2001:db8::1|nameserver 10.0.0.2", DNS{}, "nameserver 10.0.0.2"},
		{"nothing left", "nameserver 127.0.0.1|search a.test", DNS{}, "nameserver 8.8.8.8|nameserver 8.8.4.4|search a.test"},
		{"own servers", "nameserver 10.0.0.2|search a.test", DNS{Servers: []string{"1.1.1.1", "127.0.0.1"}},
			"nameserver 1.1.1.1|nameserver 127.0.0.1|search a.test"},
		{"own search", "nameserver 10.0.0.2|search a.test", DNS{Search: []string{"x.test", "y.test"}}, "nameserver 10.0.0.2|search x.test y.test"},
		{"no search", "nameserver 10.0.0.2|search a.test", DNS{Search: []string{"."}}, "nameserver 10.0.0.2"},
		{"last search counts", "nameserver 10.0.0.2|domain a.test|search b.test", DNS{}, "nameserver 10.0.0.2|search b.test"},
		{"own options", "nameserver 10.0.0.2|options ndots:2", DNS{Options: []string{"timeout:1"}}, "nameserver 10.0.0.2|options timeout:1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lines := func(s string) string { return strings.ReplaceAll(s, "|", "\n") }
			if got := ResolvConf(lines(tc.machine), tc.dns); got != lines(tc.want)+"\n" {
				t.Errorf("got\n%swant\n%s", got, lines(tc.want))
			}
		})
	}
}

func TestHosts(t *testing.T) {
	address := netip.MustParseAddr("10.210.0.7")
	extra, err := ParseExtraHosts([]string{"db:10.0.0.9", "six:2001:db8::1", "host:host-gateway"}, netip.MustParseAddr("10.211.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		got  string
		want []string // lines after the loopback's
	}{
		{"task", Hosts("ip-10-210-0-7.ec2.internal", address), []string{"10.210.0.7\tip-10-210-0-7.ec2.internal ip-10-210-0-7"}},
		{"container", Hosts("0123456789ab", address), []string{"10.210.0.7\t0123456789ab"}},
		{"no network", Hosts("0123456789ab", netip.Addr{}), nil},
		{"extra hosts and links", Hosts("web", address, append(extra, Link(netip.MustParseAddr("10.211.0.3"), "cache", "89abcdef0123", "redis"))...),
			[]string{"10.0.0.9\tdb", "2001:db8::1\tsix", "10.211.0.1\thost", "10.211.0.3\tcache 89abcdef0123 redis", "10.210.0.7\tweb"}},
		{"link without alias", Hosts("", address, Link(address, "redis", "redis", "redis")), []string{"10.210.0.7\tredis"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			loopback := Hosts("", netip.Addr{})
			if !strings.Contains(loopback, "127.0.0.1\tlocalhost\n") || !strings.HasPrefix(tc.got, loopback) {
				t.Fatalf("got\n%swant the loopback first", tc.got)
			}
			lines := strings.Split(strings.TrimSuffix(strings.TrimPrefix(tc.got, loopback), "\n"), "\n")
			if len(tc.want) == 0 {
				tc.want = []string{""}
			}
			if !slices.Equal(lines, tc.want) {
				t.Errorf("got %q, want %q", lines, tc.want)
			}
		})
	}
	if got := HostsOfMachine("127.0.0.1 localhost", extra[0]); got != "127.0.0.1 localhost\n10.0.0.9\tdb\n" {
		t.Errorf("machine's: %q", got)
	}
	for _, bad := range []string{"db", "db:x", ":10.0.0.1"} {
		if _, err := ParseExtraHosts([]string{bad}, address); err == nil {
			t.Errorf("%q is not refused", bad)
		}
	}
}
