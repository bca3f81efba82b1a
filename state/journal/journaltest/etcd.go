package journaltest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// Etcd is an etcd cluster with listeners: to the code under test, an external
// one. It ends with its test.
type Etcd struct {
	Endpoints []string
	configs   []*embed.Config
	members   []*embed.Etcd // nil while stopped
}

// StartEtcd starts a cluster of n members without TLS or users.
func StartEtcd(t *testing.T, n int) *Etcd { return startEtcd(t, n, func(*embed.Config) {}) }

func startEtcd(t *testing.T, n int, adjust func(*embed.Config)) *Etcd {
	t.Helper()
	e := &Etcd{members: make([]*embed.Etcd, n)}
	var initial []string
	for i := range n {
		cfg := embed.NewConfig()
		cfg.Name, cfg.Dir = fmt.Sprint("member", i), t.TempDir()
		peer, client := freeURL(t), freeURL(t)
		cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
		cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
		cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
		cfg.TickMs, cfg.ElectionMs = 20, 200
		adjust(cfg)
		client = cfg.ListenClientUrls[0]
		initial = append(initial, cfg.Name+"="+peer.String())
		e.Endpoints = append(e.Endpoints, client.String())
		e.configs = append(e.configs, cfg)
	}
	for _, cfg := range e.configs {
		cfg.InitialCluster = strings.Join(initial, ",")
	}
	for i := range n {
		e.start(t, i)
	}
	for _, m := range e.members {
		<-m.Server.ReadyNotify()
	}
	t.Cleanup(func() {
		for i := range n {
			e.Stop(i)
		}
	})
	return e
}

// Stop ends one member.
func (e *Etcd) Stop(i int) {
	if e.members[i] != nil {
		e.members[i].Close()
		e.members[i] = nil
	}
}

// Restart starts a member again that was stopped, and waits until it is part
// of a majority.
func (e *Etcd) Restart(t *testing.T, i int) {
	t.Helper()
	e.configs[i].ClusterState = embed.ClusterStateFlagExisting
	e.start(t, i)
	<-e.members[i].Server.ReadyNotify()
}

func (e *Etcd) start(t *testing.T, i int) {
	t.Helper()
	m, err := embed.StartEtcd(e.configs[i])
	if err != nil {
		t.Fatal(err)
	}
	e.members[i] = m
}

// StartSecureEtcd starts a cluster of one member that wants TLS with client
// certificates from the authority, and the user root with its password.
func StartSecureEtcd(t *testing.T, ca *Authority, password string) *Etcd {
	t.Helper()
	e := startEtcd(t, 1, func(cfg *embed.Config) {
		cfg.ListenClientUrls[0].Scheme = "https"
		cfg.AdvertiseClientUrls[0].Scheme = "https"
		cfg.ClientTLSInfo.CertFile, cfg.ClientTLSInfo.KeyFile = ca.Issue(t, "server")
		cfg.ClientTLSInfo.TrustedCAFile = ca.File
		cfg.ClientTLSInfo.ClientCertAuth = true
		cfg.BcryptCost = 4
	})
	cert, key := ca.Issue(t, "setup")
	client, err := clientv3.New(clientv3.Config{Endpoints: e.Endpoints, TLS: ca.client(t, cert, key), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	if _, err := client.UserAdd(ctx, "root", password); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UserGrantRole(ctx, "root", "root"); err != nil {
		t.Fatal(err)
	}
	if _, err := client.AuthEnable(ctx); err != nil {
		t.Fatal(err)
	}
	return e
}

// freeURL returns a URL with a port that nobody uses.
func freeURL(t *testing.T) url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return url.URL{Scheme: "http", Host: l.Addr().String()}
}
