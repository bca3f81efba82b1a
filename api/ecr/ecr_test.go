package ecr

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/sirupsen/logrus"

	"berth/aws/protocol"
	"berth/iam"
	"berth/plan/access"
	"berth/registry"
	"berth/state"
)

const account = "123456789012"

// world is an API whose front is served, with root calling it.
type world struct {
	*testing.T
	api  *API
	host string
	ctx  context.Context
}

func newWorld(t *testing.T) *world {
	t.Helper()
	logrus.SetOutput(io.Discard) // the distribution project's word for each refusal
	var front http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { front.ServeHTTP(w, r) }))
	ctx, cancel := context.WithCancel(t.Context())
	images, err := registry.Open(ctx, registry.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Close()
		cancel()
		images.Close()
	})
	store := state.NewMemory()
	err = store.Update(t.Context(), func(tx *state.Tx) error {
		tx.SigningKeys.Put(tx, state.SigningKey{ID: access.SessionsKey, Key: make([]byte, iam.IssuerKeySize)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	api := New(Config{
		Store: store, Registry: images, Region: "us-east-1", Account: account,
		Endpoint: server.URL, Log: slog.New(slog.DiscardHandler),
	})
	front = api.Front()
	call := &protocol.Call{Principal: iam.Root(account)}
	return &world{T: t, api: api, host: strings.TrimPrefix(server.URL, "http://"), ctx: protocol.WithCall(t.Context(), call)}
}

func (w *world) create(name string, mutability types.ImageTagMutability) {
	w.Helper()
	_, err := w.api.CreateRepository(w.ctx, &ecr.CreateRepositoryInput{RepositoryName: &name, ImageTagMutability: mutability})
	if err != nil {
		w.Fatal(err)
	}
}

// password logs in as p.
func (w *world) password(p iam.Principal) authn.Authenticator {
	w.Helper()
	out, err := w.api.GetAuthorizationToken(protocol.WithCall(w.ctx, &protocol.Call{Principal: p}), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		w.Fatal(err)
	}
	text, err := base64.StdEncoding.DecodeString(*out.AuthorizationData[0].AuthorizationToken)
	if err != nil {
		w.Fatal(err)
	}
	user, password, _ := strings.Cut(string(text), ":")
	return &authn.Basic{Username: user, Password: password}
}

func (w *world) ref(image string) name.Reference {
	w.Helper()
	ref, err := name.ParseReference(w.host + "/" + image)
	if err != nil {
		w.Fatal(err)
	}
	return ref
}

func (w *world) push(image string, content v1.Image) error {
	return remote.Write(w.ref(image), content, remote.WithAuth(w.password(iam.Root(account))))
}

func (w *world) image() v1.Image {
	w.Helper()
	image, err := random.Image(1000, 2)
	if err != nil {
		w.Fatal(err)
	}
	return image
}

// code is the code of an error, or "" for none.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestRepositories(t *testing.T) {
	w := newWorld(t)
	w.create("team/web", "")
	for _, tc := range []struct {
		in   ecr.CreateRepositoryInput
		want string
	}{
		{ecr.CreateRepositoryInput{RepositoryName: aws.String("team/web")}, "RepositoryAlreadyExistsException"},
		{ecr.CreateRepositoryInput{}, "InvalidParameterException"},
		{ecr.CreateRepositoryInput{RepositoryName: aws.String("Upper")}, "InvalidParameterException"},
		{ecr.CreateRepositoryInput{RepositoryName: aws.String("a")}, "InvalidParameterException"},
		{ecr.CreateRepositoryInput{RepositoryName: aws.String("web"), RegistryId: aws.String("1")}, "InvalidParameterException"},
		{ecr.CreateRepositoryInput{RepositoryName: aws.String("web"), ImageTagMutability: "SOMETIMES"}, "InvalidParameterException"},
		{ecr.CreateRepositoryInput{RepositoryName: aws.String("web"), ImageTagMutability: "IMMUTABLE_WITH_EXCLUSION"}, "InvalidParameterException"},
		{ecr.CreateRepositoryInput{RepositoryName: aws.String("web"), Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("")}}}, "InvalidTagParameterException"},
		{ecr.CreateRepositoryInput{RepositoryName: aws.String("web"), EncryptionConfiguration: &types.EncryptionConfiguration{EncryptionType: "KMS"}}, "InvalidParameterException"},
	} {
		if _, err := w.api.CreateRepository(w.ctx, &tc.in); code(err) != tc.want {
			t.Errorf("%+v: %v, want %s", tc.in, err, tc.want)
		}
	}
	w.create("api", "IMMUTABLE")
	first, err := w.api.DescribeRepositories(w.ctx, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1)})
	if err != nil || len(first.Repositories) != 1 || *first.Repositories[0].RepositoryName != "api" || first.NextToken == nil {
		t.Fatalf("first page: %+v, %v", first, err)
	}
	second, err := w.api.DescribeRepositories(w.ctx, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1), NextToken: first.NextToken})
	if err != nil || second.NextToken != nil || *second.Repositories[0].RepositoryUri != w.host+"/team/web" {
		t.Fatalf("second page: %+v, %v", second, err)
	}
	_, err = w.api.DescribeRepositories(w.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"api", "none"}})
	if code(err) != "RepositoryNotFoundException" {
		t.Errorf("a repository that is not there: %v", err)
	}
}

func TestDeleteRepository(t *testing.T) {
	w := newWorld(t)
	w.create("web", "")
	if err := w.push("web:v1", w.image()); err != nil {
		t.Fatal(err)
	}
	in := &ecr.DeleteRepositoryInput{RepositoryName: aws.String("web")}
	if _, err := w.api.DeleteRepository(w.ctx, in); code(err) != "RepositoryNotEmptyException" {
		t.Errorf("with an image: %v", err)
	}
	in.Force = true
	if _, err := w.api.DeleteRepository(w.ctx, in); err != nil {
		t.Fatal(err)
	}
	w.create("web", "")
	out, err := w.api.ListImages(w.ctx, &ecr.ListImagesInput{RepositoryName: in.RepositoryName})
	if err != nil || len(out.ImageIds) > 0 {
		t.Errorf("a new repository of that name has %v, %v", out.ImageIds, err)
	}
}

// Who pushes and pulls must have a password, may do what policies say, and keeps
// to what the repository says.
func TestFront(t *testing.T) {
	w := newWorld(t)
	image := w.image()
	if err := w.push("web:v1", image); err == nil || !strings.Contains(err.Error(), "The repository with name 'web' does not exist in the registry with id '"+account+"'") {
		t.Errorf("into no repository: %v", err)
	}
	w.create("web", "IMMUTABLE")
	if err := w.push("web:v1", image); err != nil {
		t.Fatal(err)
	}
	if err := w.push("web:v1", image); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if err := w.push("web:v1", w.image()); err == nil || !strings.Contains(err.Error(), "cannot be overwritten because the tag is immutable") {
		t.Errorf("another under an immutable tag: %v", err)
	}
	if _, err := remote.Image(w.ref("web:v1")); err == nil || !strings.Contains(err.Error(), "UNAUTHORIZED") {
		t.Errorf("without a password: %v", err)
	}
	wrong := &authn.Basic{Username: "AWS", Password: "ASIAX.e30="}
	if _, err := remote.Image(w.ref("web:v1"), remote.WithAuth(wrong)); err == nil || !strings.Contains(err.Error(), "UNAUTHORIZED") {
		t.Errorf("with a wrong password: %v", err)
	}
	stranger := w.password(iam.RoleSession(account, "app", "AROAX", "s"))
	if _, err := remote.Image(w.ref("web:v1"), remote.WithAuth(stranger)); err == nil || !strings.Contains(err.Error(), "ecr:BatchGetImage") {
		t.Errorf("by a role that may nothing: %v", err)
	}
	root := remote.WithAuth(w.password(iam.Root(account)))
	pulled, err := remote.Image(w.ref("web:v1"), root)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := image.Digest()
	if got, _ := pulled.Digest(); got != want {
		t.Errorf("pulled %s, want %s", got, want)
	}
	if err := remote.Delete(w.ref("web:v1"), root); err == nil || !strings.Contains(err.Error(), "BatchDeleteImage") {
		t.Errorf("delete: %v", err)
	}
	if tags, err := remote.List(w.ref("web:v1").Context(), root); err != nil || !slices.Equal(tags, []string{"v1"}) {
		t.Errorf("tags: %v, %v", tags, err)
	}
}

func TestImages(t *testing.T) {
	w := newWorld(t)
	w.create("web", "")
	one, two := w.image(), w.image()
	for tag, image := range map[string]v1.Image{"a": one, "b": one, "c": two} {
		if err := w.push("web:"+tag, image); err != nil {
			t.Fatal(err)
		}
	}
	repository := aws.String("web")
	list, err := w.api.ListImages(w.ctx, &ecr.ListImagesInput{RepositoryName: repository})
	if err != nil || len(list.ImageIds) != 3 {
		t.Errorf("listed %v, %v", list.ImageIds, err)
	}
	described, err := w.api.DescribeImages(w.ctx, &ecr.DescribeImagesInput{
		RepositoryName: repository, ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("a")}},
	})
	if err != nil || len(described.ImageDetails) != 1 || !slices.Equal(described.ImageDetails[0].ImageTags, []string{"a", "b"}) {
		t.Fatalf("described %+v, %v", described, err)
	}
	digest := described.ImageDetails[0].ImageDigest
	got, err := w.api.BatchGetImage(w.ctx, &ecr.BatchGetImageInput{RepositoryName: repository, ImageIds: []types.ImageIdentifier{
		{ImageTag: aws.String("a")}, {ImageTag: aws.String("x")}, {}, {ImageDigest: aws.String("no")}, {ImageTag: aws.String("c"), ImageDigest: digest},
	}})
	if err != nil || len(got.Images) != 1 || *got.Images[0].ImageId.ImageDigest != *digest {
		t.Fatalf("got %+v, %v", got, err)
	}
	var codes []string
	for _, f := range got.Failures {
		codes = append(codes, string(f.FailureCode))
	}
	if want := "ImageNotFound MissingDigestAndTag InvalidImageDigest ImageTagDoesNotMatchDigest"; strings.Join(codes, " ") != want {
		t.Errorf("failures %q, want %s", codes, want)
	}
	gone, err := w.api.BatchDeleteImage(w.ctx, &ecr.BatchDeleteImageInput{RepositoryName: repository, ImageIds: []types.ImageIdentifier{
		{ImageTag: aws.String("a")}, {ImageTag: aws.String("b")}, {ImageTag: aws.String("b")},
	}})
	if err != nil || len(gone.ImageIds) != 2 || len(gone.Failures) != 1 {
		t.Errorf("deleted %+v, %v", gone, err)
	}
	list, err = w.api.ListImages(w.ctx, &ecr.ListImagesInput{RepositoryName: repository})
	if err != nil || len(list.ImageIds) != 1 || *list.ImageIds[0].ImageTag != "c" {
		t.Errorf("left are %v, %v", list.ImageIds, err)
	}
}

// An image that a list of images names can only go with the list.
func TestManifestList(t *testing.T) {
	w := newWorld(t)
	w.create("web", "")
	image := w.image()
	list := mutate.AppendManifests(mutate.IndexMediaType(emptyIndex(t), "application/vnd.oci.image.index.v1+json"), mutate.IndexAddendum{Add: image})
	if err := remote.WriteIndex(w.ref("web:v1"), list, remote.WithAuth(w.password(iam.Root(account)))); err != nil {
		t.Fatal(err)
	}
	digest, _ := image.Digest()
	in := &ecr.BatchDeleteImageInput{RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{{ImageDigest: aws.String(digest.String())}}}
	out, err := w.api.BatchDeleteImage(w.ctx, in)
	if err != nil || len(out.Failures) != 1 || out.Failures[0].FailureCode != types.ImageFailureCodeImageReferencedByManifestList {
		t.Errorf("got %+v, %v", out, err)
	}
}

func emptyIndex(t *testing.T) v1.ImageIndex {
	t.Helper()
	index, err := random.Index(1, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// An image can be pushed with the operations of the ECR API alone, and a layer
// fetched without a password by its URL.
func TestPushByAPI(t *testing.T) {
	w := newWorld(t)
	w.create("web", "")
	repository := aws.String("web")
	layer := bytes.Repeat([]byte("layer "), 1000)
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(layer))
	upload, err := w.api.InitiateLayerUpload(w.ctx, &ecr.InitiateLayerUploadInput{RepositoryName: repository})
	if err != nil {
		t.Fatal(err)
	}
	part := func(first, last int64) error {
		_, err := w.api.UploadLayerPart(w.ctx, &ecr.UploadLayerPartInput{
			RepositoryName: repository, UploadId: upload.UploadId, PartFirstByte: &first, PartLastByte: &last, LayerPartBlob: layer[first : last+1],
		})
		return err
	}
	finish := &ecr.CompleteLayerUploadInput{RepositoryName: repository, UploadId: upload.UploadId, LayerDigests: []string{digest}}
	_, err = w.api.CompleteLayerUpload(w.ctx, finish)
	for _, step := range []struct {
		err  error
		want string
	}{
		{err, "EmptyUploadException"},
		{part(0, 999), ""},
		{part(500, 1999), "InvalidLayerPartException"},
		{part(1000, 5999), ""},
	} {
		if code(step.err) != step.want {
			t.Fatalf("got %v, want %q", step.err, step.want)
		}
	}
	if _, err = w.api.CompleteLayerUpload(w.ctx, finish); err != nil {
		t.Fatal(err)
	}
	if _, err = w.api.CompleteLayerUpload(w.ctx, finish); code(err) != "LayerAlreadyExistsException" {
		t.Errorf("finished twice: %v", err)
	}
	manifest := fmt.Sprintf(`{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": %q, "size": 6000},
		"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": %q, "size": 6000}]}`, digest, digest)
	put := &ecr.PutImageInput{RepositoryName: repository, ImageManifest: &manifest, ImageTag: aws.String("v1")}
	if _, err := w.api.PutImage(w.ctx, put); err != nil {
		t.Fatal(err)
	}
	if _, err := w.api.PutImage(w.ctx, put); code(err) != "ImageAlreadyExistsException" {
		t.Errorf("put twice: %v", err)
	}
	lacking := strings.Replace(manifest, digest[7:17], "0000000000", 1)
	put.ImageManifest = &lacking
	if _, err := w.api.PutImage(w.ctx, put); code(err) != "LayersNotFoundException" {
		t.Errorf("without a layer: %v", err)
	}
	checkDownload(w, digest, layer)
}

func checkDownload(w *world, digest string, layer []byte) {
	w.Helper()
	have, err := w.api.BatchCheckLayerAvailability(w.ctx, &ecr.BatchCheckLayerAvailabilityInput{
		RepositoryName: aws.String("web"), LayerDigests: []string{digest, "sha256:" + strings.Repeat("0", 64), "no"},
	})
	if err != nil || len(have.Layers) != 2 || have.Layers[0].LayerAvailability != "AVAILABLE" || have.Layers[1].LayerAvailability != "UNAVAILABLE" || len(have.Failures) != 1 {
		w.Errorf("layers: %+v, %v", have, err)
	}
	at, err := w.api.GetDownloadUrlForLayer(w.ctx, &ecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("web"), LayerDigest: &digest})
	if err != nil {
		w.Fatal(err)
	}
	for url, want := range map[string]int{
		*at.DownloadUrl: http.StatusOK,
		strings.Replace(*at.DownloadUrl, "/web/", "/other/", 1): http.StatusUnauthorized,
		strings.Replace(*at.DownloadUrl, "ticket=", "x=", 1):    http.StatusUnauthorized,
	} {
		resp, err := http.Get(url)
		if err != nil {
			w.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want || want == http.StatusOK && !bytes.Equal(body, layer) {
			w.Errorf("%s: %s, %d bytes, %v", url, resp.Status, len(body), err)
		}
	}
}

func TestSettings(t *testing.T) {
	w := newWorld(t)
	w.create("web", "")
	name, arn := aws.String("web"), aws.String("arn:aws:ecr:us-east-1:"+account+":repository/web")
	policy := `{"Version": "2012-10-17", "Statement": []}`
	rules := `{"rules": [` + ruleOf(1, `"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1`) + `]}`
	tags := []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}
	for _, step := range []struct {
		name, want string
		call       func() error
	}{
		{"no policy yet", "RepositoryPolicyNotFoundException", func() error {
			_, err := w.api.GetRepositoryPolicy(w.ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: name})
			return err
		}},
		{"a policy that is none", "InvalidParameterException", func() error {
			_, err := w.api.SetRepositoryPolicy(w.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: aws.String("x")})
			return err
		}},
		{"set a policy", "", func() error {
			_, err := w.api.SetRepositoryPolicy(w.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: &policy})
			return err
		}},
		{"delete it", "", func() error {
			_, err := w.api.DeleteRepositoryPolicy(w.ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: name})
			return err
		}},
		{"no lifecycle policy yet", "LifecyclePolicyNotFoundException", func() error {
			_, err := w.api.GetLifecyclePolicy(w.ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: name})
			return err
		}},
		{"set a lifecycle policy", "", func() error {
			_, err := w.api.PutLifecyclePolicy(w.ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: name, LifecyclePolicyText: &rules})
			return err
		}},
		{"delete that", "", func() error {
			_, err := w.api.DeleteLifecyclePolicy(w.ctx, &ecr.DeleteLifecyclePolicyInput{RepositoryName: name})
			return err
		}},
		{"scan", "", func() error {
			_, err := w.api.PutImageScanningConfiguration(w.ctx, &ecr.PutImageScanningConfigurationInput{
				RepositoryName: name, ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true}})
			return err
		}},
		{"make tags immutable", "", func() error {
			_, err := w.api.PutImageTagMutability(w.ctx, &ecr.PutImageTagMutabilityInput{RepositoryName: name, ImageTagMutability: "IMMUTABLE"})
			return err
		}},
		{"tag", "", func() error {
			_, err := w.api.TagResource(w.ctx, &ecr.TagResourceInput{ResourceArn: arn, Tags: tags})
			return err
		}},
		{"tag nothing", "InvalidParameterException", func() error {
			_, err := w.api.TagResource(w.ctx, &ecr.TagResourceInput{ResourceArn: name, Tags: tags})
			return err
		}},
	} {
		if err := step.call(); code(err) != step.want {
			t.Errorf("%s: %v, want %q", step.name, err, step.want)
		}
	}
	r := w.api.cfg.Store.View()
	got, _ := r.Repositories.Get("web")
	if !got.ScanOnPush || got.Mutability != "IMMUTABLE" || got.Policy != "" || got.Lifecycle != "" {
		t.Errorf("got %+v", got)
	}
	listed, err := w.api.ListTagsForResource(w.ctx, &ecr.ListTagsForResourceInput{ResourceArn: arn})
	if err != nil || len(listed.Tags) != 1 {
		t.Errorf("tags %+v, %v", listed, err)
	}
	if _, err := w.api.UntagResource(w.ctx, &ecr.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team", "x"}}); err != nil {
		t.Error(err)
	}
	if listed, _ = w.api.ListTagsForResource(w.ctx, &ecr.ListTagsForResourceInput{ResourceArn: arn}); len(listed.Tags) != 0 {
		t.Errorf("after untagging: %+v", listed.Tags)
	}
}

// Policies and the sweep are applied to images that were really pushed.
func TestMaintain(t *testing.T) {
	w := newWorld(t)
	w.create("web", "")
	for _, tag := range []string{"v1", "v2"} {
		if err := w.push("web:"+tag, w.image()); err != nil {
			t.Fatal(err)
		}
	}
	rules := `{"rules": [` + ruleOf(1, `"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1`) + `]}`
	if _, err := w.api.PutLifecyclePolicy(w.ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String("web"), LifecyclePolicyText: &rules}); err != nil {
		t.Fatal(err)
	}
	images, err := w.api.cfg.Registry.Images(w.ctx, "web")
	if err != nil {
		t.Fatal(err)
	}
	newest := images[1].PushedAt
	if err := w.api.maintain(w.ctx, newest); err != nil {
		t.Fatal(err)
	}
	images, err = w.api.cfg.Registry.Images(w.ctx, "web")
	if err != nil || len(images) != 1 || !images[0].PushedAt.Equal(newest) {
		t.Errorf("left are %+v, %v", images, err)
	}
	got, err := w.api.GetLifecyclePolicy(w.ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: aws.String("web")})
	if err != nil || !got.LastEvaluatedAt.Equal(newest) {
		t.Errorf("evaluated at %v, %v", got.LastEvaluatedAt, err)
	}
}
