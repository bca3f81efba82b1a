package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"

	"berth/api/acs/message"
)

// target is what stands for an EFS file system: a path here, or one of an NFS server.
type target struct{ server, path string }

// parseTarget reads /dir or server:/path.
func parseTarget(text string) (target, error) {
	server, path, remote := strings.Cut(text, ":/")
	switch {
	case remote && server != "":
		return target{server, "/" + path}, nil
	case filepath.IsAbs(text):
		return target{path: text}, nil
	}
	return target{}, fmt.Errorf("%q is neither an absolute path nor server:/path", text)
}

// efs is a directory of a file system that the operator has mapped. Who maps one
// answers for who may use it: IAM authorization is not asked for again.
func (s *Store) efs(ctx context.Context, dir string, v message.Volume) (Volume, error) {
	id := v.EFS.FileSystemID
	if a := v.EFS.AuthorizationConfig; a != nil && a.AccessPointID != "" {
		id = a.AccessPointID // it names a directory of its own
	}
	mapped, ok := s.cfg.EFS[id]
	if !ok {
		return Volume{}, fmt.Errorf("EFS %s is not mapped on this instance: start its agent with --efs %s=/DIRECTORY or --efs %s=NFS-SERVER:/PATH", id, id, id)
	}
	to, err := parseTarget(mapped)
	if err != nil {
		return Volume{}, err
	}
	if to.server == "" {
		return localEFS(to.path, v.EFS.RootDirectory)
	}
	if v.EFS.TransitEncryption == "ENABLED" {
		return Volume{}, fmt.Errorf("transitEncryption: EFS %s is mapped to the NFS server %s, which is spoken to without TLS", id, to.server)
	}
	// https://docs.aws.amazon.com/efs/latest/ug/mounting-fs-nfs-mount-settings.html
	m := source{kind: "nfs", device: to.server + ":" + path.Join(to.path, v.EFS.RootDirectory),
		options: strings.Split("vers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport", ",")}
	at, err := s.provide(ctx, dir, v.Name, m)
	return Volume{Path: at}, err
}

func localEFS(mapped, root string) (Volume, error) {
	at, err := securejoin.SecureJoin(mapped, root)
	if err != nil {
		return Volume{}, err
	}
	f, err := os.Stat(at)
	switch {
	case err != nil:
		return Volume{}, fmt.Errorf("rootDirectory %s: %w", root, err)
	case !f.IsDir():
		return Volume{}, errors.New("rootDirectory " + root + ": not a directory")
	}
	return Volume{Path: at}, nil
}
