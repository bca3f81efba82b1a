package state

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// Repository is a repository of container images. Its images are not state: the
// registry has them on disk.
type Repository struct {
	Name       string
	CreatedAt  time.Time
	Mutability types.ImageTagMutability
	Exclusions []types.ImageTagMutabilityExclusionFilter // tags to which Mutability does not apply
	ScanOnPush bool
	Encryption *types.EncryptionConfiguration
	Policy     string // JSON; empty for none
	Lifecycle  string // JSON; empty for none
	Evaluated  time.Time
	Tags       []types.Tag
}

var repositories = kind[Repository]{name: "repositories", key: func(r *Repository) string { return r.Name }}
