package secretsmanager

import (
	"context"
	"crypto/rand"
	"math/big"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// The characters that passwords are made of.
const (
	lowercase   = "abcdefghijklmnopqrstuvwxyz"
	uppercase   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	numbers     = "0123456789"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

// GetRandomPassword makes a password.
//
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html
func (a *API) GetRandomPassword(_ context.Context, in *secretsmanager.GetRandomPasswordInput) (*secretsmanager.GetRandomPasswordOutput, error) {
	length := int64(32)
	if in.PasswordLength != nil {
		length = *in.PasswordLength
	}
	if length < 1 || length > 4096 {
		return nil, invalidParameter("PasswordLength must be between 1 and 4096.")
	}
	var kinds []string
	for _, kind := range []struct {
		letters string
		without bool
	}{
		{lowercase, aws.ToBool(in.ExcludeLowercase)}, {uppercase, aws.ToBool(in.ExcludeUppercase)}, {numbers, aws.ToBool(in.ExcludeNumbers)},
		{punctuation, aws.ToBool(in.ExcludePunctuation)}, {" ", !aws.ToBool(in.IncludeSpace)},
	} {
		letters := strings.Map(func(r rune) rune {
			if strings.ContainsRune(aws.ToString(in.ExcludeCharacters), r) {
				return -1
			}
			return r
		}, kind.letters)
		if !kind.without && letters != "" {
			kinds = append(kinds, letters)
		}
	}
	each := in.RequireEachIncludedType == nil || *in.RequireEachIncludedType
	switch {
	case len(kinds) == 0:
		return nil, invalidParameter("Excluded types and characters leave nothing to make a password of.")
	case each && int64(len(kinds)) > length:
		return nil, invalidParameter("The password length %d is too short based on the required types.", length)
	}
	b := make([]byte, length)
	for i := range b {
		from := strings.Join(kinds, "")
		if each && i < len(kinds) {
			from = kinds[i]
		}
		b[i] = from[random(len(from))]
	}
	for i := range b { // so that nobody knows where the required ones are
		j := i + random(len(b)-i)
		b[i], b[j] = b[j], b[i]
	}
	return &secretsmanager.GetRandomPasswordOutput{RandomPassword: aws.String(string(b))}, nil
}

// random is a number below n, each as likely as the others.
func random(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil { // never, by the documentation of crypto/rand
		panic(err)
	}
	return int(i.Int64())
}
