package host

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"berth/agent/engine"
	"berth/api/acs/message"
)

// fetched is what was fetched for each container of a task, by name.
type fetched map[string]variables

// variables are those of environment files and of secrets.
type variables struct{ files, secrets map[string]string }

// Fetch gets secrets and environment files, and makes sure that logs have
// somewhere to go. The errors are in Fargate's words.
func (h *Host) Fetch(ctx context.Context, t *engine.Task) error {
	out := fetched{}
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range t.Payload.Containers {
		got := variables{files: map[string]string{}, secrets: map[string]string{}}
		out[c.Name] = got
		group.Go(func() error { return h.fetchSecrets(ctx, t, c, got.secrets) })
		group.Go(func() error { return h.fetchFiles(ctx, t, c, got.files) })
		group.Go(func() error {
			shipper, err := h.shipper(t, c.Name)
			if err != nil || shipper == nil {
				return nil // a configuration that is wrong is Create's to tell
			}
			return shipper.Prepare(ctx)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fetched[t.ID()] = out
	return nil
}

// fetchSecrets gets the values of a container's secrets.
func (h *Host) fetchSecrets(ctx context.Context, t *engine.Task, c message.Container, into map[string]string) error {
	secrets := slices.Clone(c.Secrets)
	if len(secrets) == 0 {
		return nil
	}
	if t.Payload.ExecutionRoleCredentials == nil {
		return errors.New("unable to pull secrets or registry auth: the task definition has no execution role")
	}
	parameters := map[string][]message.Secret{} // by region
	for _, s := range secrets {
		if s.Target != "" && s.Target != "CONTAINER" {
			return fmt.Errorf("unable to pull secrets or registry auth: secret %s: the target %s is not supported", s.Name, s.Target)
		}
		if s.Provider == "ssm" {
			parameters[s.Region] = append(parameters[s.Region], s)
			continue
		}
		value, err := h.secretValue(ctx, t, s.ValueFrom, s.Region)
		if err != nil {
			return fmt.Errorf("unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret %s from secrets manager: %w", s.ValueFrom, plain(err))
		}
		into[s.Name] = value
	}
	for region, some := range parameters {
		for batch := range slices.Chunk(some, 10) {
			if err := h.fetchParameters(ctx, t, region, batch, into); err != nil {
				return fmt.Errorf("unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): %w", plain(err))
			}
		}
	}
	return nil
}

func (h *Host) fetchParameters(ctx context.Context, t *engine.Task, region string, secrets []message.Secret, into map[string]string) error {
	var names []string
	for _, s := range secrets {
		if !slices.Contains(names, s.ValueFrom) {
			names = append(names, s.ValueFrom)
		}
	}
	out, err := h.client.ssm(h.credentials(t), region).GetParameters(ctx, &ssm.GetParametersInput{Names: names, WithDecryption: aws.Bool(true)})
	if err != nil {
		return err
	}
	if len(out.InvalidParameters) > 0 {
		return fmt.Errorf("invalid ssm parameters: %s", strings.Join(out.InvalidParameters, ", "))
	}
	for _, s := range secrets {
		for _, p := range out.Parameters {
			if s.ValueFrom == aws.ToString(p.Name) || s.ValueFrom == aws.ToString(p.ARN) ||
				s.ValueFrom == aws.ToString(p.Name)+aws.ToString(p.Selector) || s.ValueFrom == aws.ToString(p.ARN)+aws.ToString(p.Selector) {
				into[s.Name] = aws.ToString(p.Value)
			}
		}
		if _, found := into[s.Name]; !found {
			return fmt.Errorf("parameter %s is not in the answer", s.ValueFrom)
		}
	}
	return nil
}

// secretValue gets a secret by ARN, or by an ARN that goes on with a JSON key, a
// version's stage and its id: arn:aws:secretsmanager:r:a:secret:name-AbCdEf:key:stage:id.
func (h *Host) secretValue(ctx context.Context, t *engine.Task, from, region string) (string, error) {
	parts := strings.Split(from, ":")
	in, key := &secretsmanager.GetSecretValueInput{SecretId: &from}, ""
	if len(parts) > 7 {
		parts = append(parts, "", "")
		name := strings.Join(parts[:7], ":")
		in.SecretId, key = &name, parts[7]
		if parts[8] != "" {
			in.VersionStage = &parts[8]
		}
		if parts[9] != "" {
			in.VersionId = &parts[9]
		}
	}
	out, err := h.client.secrets(h.credentials(t), region).GetSecretValue(ctx, in)
	if err != nil {
		return "", err
	}
	value := aws.ToString(out.SecretString)
	if out.SecretString == nil {
		value = string(out.SecretBinary)
	}
	if key == "" {
		return value, nil
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(value), &object); err != nil {
		return "", fmt.Errorf("the secret is no JSON object, of which to take %s", key)
	}
	switch v := object[key].(type) {
	case nil:
		return "", fmt.Errorf("retrieved secret from Secrets Manager did not contain json key %s", key)
	case string:
		return v, nil
	default:
		text, err := json.Marshal(v)
		return string(text), err
	}
}

// fetchFiles gets a container's environment files from S3.
func (h *Host) fetchFiles(ctx context.Context, t *engine.Task, c message.Container, into map[string]string) error {
	for _, f := range c.EnvironmentFiles {
		text, err := h.client.object(ctx, h.credentials(t), f.Value)
		if err != nil {
			return fmt.Errorf("failed to download env files: file download command: non empty error stream: %s: %w", f.Value, plain(err))
		}
		lines := bufio.NewScanner(strings.NewReader(text))
		for lines.Scan() {
			// Lines that begin with # are comments, and what has no = is none:
			// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/use-environment-file.html
			name, value, ok := strings.Cut(lines.Text(), "=")
			if name = strings.TrimSpace(name); ok && name != "" && !strings.HasPrefix(name, "#") {
				into[name] = value
			}
		}
		if err := lines.Err(); err != nil {
			return err
		}
	}
	return nil
}

// registryLogin says how to log in where an image is: nil needs no login.
func (h *Host) registryLogin(t *engine.Task, auth *message.RegistryAuthentication) func(context.Context, string) (string, string, error) {
	switch {
	case auth == nil:
		return nil
	case auth.ASM != nil:
		return func(ctx context.Context, _ string) (string, string, error) {
			text, err := h.secretValue(ctx, t, auth.ASM.CredentialsParameter, auth.ASM.Region)
			if err != nil {
				return "", "", fmt.Errorf("unable to pull secrets or registry auth: unable to retrieve registry auth from asm: %w", plain(err))
			}
			var login struct{ Username, Password string }
			if err := json.Unmarshal([]byte(text), &login); err != nil || login.Username == "" || login.Password == "" {
				return "", "", fmt.Errorf("the secret %s must be {\"username\": …, \"password\": …}", auth.ASM.CredentialsParameter)
			}
			return login.Username, login.Password, nil
		}
	case auth.ECR != nil:
		return func(ctx context.Context, _ string) (string, string, error) { return h.ecrLogin(ctx, t, auth.ECR) }
	}
	return nil
}

func (h *Host) ecrLogin(ctx context.Context, t *engine.Task, login *message.ECRLogin) (user, password string, err error) {
	credentials := h.cfg.Credentials
	if login.UseExecutionRole {
		credentials = h.credentials(t)
	}
	out, err := h.client.ecr(credentials, login).GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return "", "", fmt.Errorf("unable to retrieve ecr registry auth: %w", plain(err))
	}
	for _, a := range out.AuthorizationData {
		text, err := base64.StdEncoding.DecodeString(aws.ToString(a.AuthorizationToken))
		if err != nil {
			return "", "", err
		}
		user, password, _ = strings.Cut(string(text), ":")
	}
	return user, password, nil
}

// clients makes clients of the APIs that the control plane serves. They share
// their connections: each of its own would leave some open for a while.
type clients struct{ endpoint, region string }

func (c clients) in(region string) string {
	if region == "" {
		return c.region
	}
	return region
}

func (c clients) ssm(credentials aws.CredentialsProvider, region string) *ssm.Client {
	return ssm.New(ssm.Options{HTTPClient: http.DefaultClient, BaseEndpoint: &c.endpoint, Region: c.in(region), Credentials: credentials})
}

func (c clients) secrets(credentials aws.CredentialsProvider, region string) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{HTTPClient: http.DefaultClient, BaseEndpoint: &c.endpoint, Region: c.in(region), Credentials: credentials})
}

func (c clients) ecr(credentials aws.CredentialsProvider, login *message.ECRLogin) *ecr.Client {
	endpoint := c.endpoint
	if login.EndpointOverride != "" {
		endpoint = login.EndpointOverride
	}
	return ecr.New(ecr.Options{HTTPClient: http.DefaultClient, BaseEndpoint: &endpoint, Region: c.in(login.Region), Credentials: credentials})
}

// object reads an object of S3 by its ARN: arn:aws:s3:::bucket/key.
func (c clients) object(ctx context.Context, _ aws.CredentialsProvider, arn string) (string, error) {
	_, path, ok := strings.Cut(arn, ":::")
	if !ok {
		return "", fmt.Errorf("%q is not the ARN of an object in S3", arn)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.endpoint+"/"+path, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the control plane has no S3: %s", response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return string(text), err
}

// plain takes the SDK's own words off an error of the API.
func plain(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		return fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	return err
}
