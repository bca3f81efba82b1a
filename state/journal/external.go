package journal

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// connect returns a client of the external etcd once that has answered.
func connect(ctx context.Context, cfg Config) (*clientv3.Client, error) {
	where := "etcd at " + strings.Join(cfg.Endpoints, ",")
	c := clientv3.Config{
		Endpoints: cfg.Endpoints, Username: cfg.User, Password: cfg.Password,
		DialTimeout: cfg.Timeout, DialKeepAliveTime: 2 * time.Second, DialKeepAliveTimeout: 3 * time.Second,
		Logger: zapTo(cfg.Log),
	}
	if cfg.CAFile != "" || cfg.CertFile != "" {
		files := transport.TLSInfo{TrustedCAFile: cfg.CAFile, CertFile: cfg.CertFile, KeyFile: cfg.KeyFile}
		config, err := files.ClientConfig()
		if err != nil {
			return nil, fmt.Errorf("%s: TLS: %w", where, err)
		}
		c.TLS = config
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	if err := reach(ctx, cfg.Endpoints, c.TLS); err != nil {
		return nil, unreachable(where, cfg, err)
	}
	client, err := clientv3.New(c)
	if err != nil {
		return nil, unreachable(where, cfg, err)
	}
	if _, err := client.Get(ctx, leaderKey); err != nil {
		client.Close()
		return nil, unreachable(where, cfg, err)
	}
	return client, nil
}

// reach connects to one of the endpoints. The client itself tries again until
// its time is up, and does not say then what was wrong.
func reach(ctx context.Context, endpoints []string, config *tls.Config) (err error) {
	for _, endpoint := range endpoints {
		scheme, address, found := strings.Cut(endpoint, "://")
		if !found {
			scheme, address = "", endpoint
		}
		var conn net.Conn
		var dialErr error
		switch {
		case strings.HasPrefix(scheme, "unix"):
			return nil // not an address to dial
		case scheme == "https" || scheme == "" && config != nil:
			conn, dialErr = (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
		default:
			conn, dialErr = new(net.Dialer).DialContext(ctx, "tcp", address)
		}
		if dialErr == nil {
			return conn.Close()
		}
		err = cmp.Or(err, dialErr)
	}
	return err
}

func unreachable(where string, cfg Config, err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, rpctypes.ErrTimeout) {
		return fmt.Errorf("%s did not answer within %v", where, cfg.Timeout)
	}
	return fmt.Errorf("%s: %w", where, err)
}
