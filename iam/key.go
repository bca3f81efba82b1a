package iam

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
)

// AccessKey is a long-lived key pair, as IAM hands it out.
type AccessKey struct {
	ID     string // AKIA and 16 letters or digits
	Secret string // 40 characters; to be shown once and never logged
}

// NewAccessKey makes a random key pair.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
func NewAccessKey() AccessKey {
	var id [10]byte
	var secret [30]byte
	rand.Read(id[:]) // never fails, by its documentation
	rand.Read(secret[:])
	return AccessKey{
		ID:     "AKIA" + base32.StdEncoding.EncodeToString(id[:]),
		Secret: base64.StdEncoding.EncodeToString(secret[:]),
	}
}
