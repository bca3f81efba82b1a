package test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// What a user stores as a secret is in no file that Berth writes, and is there
// after kill -9.
func TestSecretsAtRest(t *testing.T) {
	t.Parallel()
	const secret = "correct-horse-battery-staple"
	b := up(t)
	parameters := ssm.New(ssm.Options{Region: region, BaseEndpoint: &b.url, Credentials: b.key})
	secrets := secretsmanager.New(secretsmanager.Options{Region: region, BaseEndpoint: &b.url, Credentials: b.key})
	_, err := parameters.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/db"), Value: aws.String(secret), Type: types.ParameterTypeSecureString})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parameters.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/plain"), Value: aws.String("in-plain-sight"), Type: types.ParameterTypeString}); err != nil {
		t.Fatal(err)
	}
	if _, err := secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String(secret)}); err != nil {
		t.Fatal(err)
	}
	b.kill()
	plain := 0
	err = filepath.WalkDir(b.dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(file)
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s has the secret", file)
		}
		if bytes.Contains(text, []byte("in-plain-sight")) {
			plain++
		}
		return err
	})
	if err != nil || plain == 0 { // or this test would find nothing anywhere
		t.Errorf("the plain value is in %d files, %v", plain, err)
	}

	b.start(t)
	got, err := parameters.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/db"), WithDecryption: aws.Bool(true)})
	if err != nil || aws.ToString(got.Parameter.Value) != secret {
		t.Errorf("after a restart: %v", err)
	}
	value, err := secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("db")})
	if err != nil || aws.ToString(value.SecretString) != secret {
		t.Errorf("after a restart: %v", err)
	}
}
