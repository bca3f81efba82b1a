package cli

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"berth/cli/profile"
)

// Images is the registry of the control plane whose data is in a directory.
type Images struct {
	ecr  *ecr.Client
	host string // as references name it
}

// OpenImages finds that registry.
func OpenImages(dataDir string) (*Images, error) {
	p, err := profile.Read(dataDir)
	if err != nil {
		return nil, err
	}
	_, host, _ := strings.Cut(p.Endpoint, "://")
	return &Images{host: host, ecr: ecr.New(ecr.Options{
		Region:       p.Region,
		BaseEndpoint: &p.Endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider(p.AccessKeyID, p.SecretKey, ""),
	})}, nil
}

// Load pushes the images of a docker or OCI archive, and writes a line for each
// to out. As is the image's name unless the archive has several; empty takes the
// names that the archive gives. Repositories are made where they are missing.
func (i *Images) Load(ctx context.Context, out io.Writer, file, as string) error {
	login, err := i.login(ctx)
	if err != nil {
		return err
	}
	images, done, err := readArchive(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	defer done()
	if as != "" && len(images) > 1 {
		return fmt.Errorf("%s has %d images: leave --name out to load each under its own", file, len(images))
	}
	for _, image := range images {
		target, err := i.reference(cmp.Or(as, image.name))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := i.ensure(ctx, target.Context().RepositoryStr()); err != nil {
			return err
		}
		if err := image.push(target, remote.WithContext(ctx), remote.WithAuth(login)); err != nil {
			return fmt.Errorf("cannot push %s: %w", target, err)
		}
		fmt.Fprintln(out, target)
	}
	return nil
}

// login gets a password for the registry.
func (i *Images) login(ctx context.Context) (authn.Authenticator, error) {
	answer, err := i.ecr.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return nil, err
	}
	text, err := base64.StdEncoding.DecodeString(aws.ToString(answer.AuthorizationData[0].AuthorizationToken))
	user, password, _ := strings.Cut(string(text), ":")
	return &authn.Basic{Username: user, Password: password}, err
}

// reference places an image's name into the registry: the host of another one is
// left out of it.
func (i *Images) reference(text string) (name.Reference, error) {
	if text == "" {
		return nil, errors.New("the archive gives its image no name: give one with --name REPOSITORY:TAG")
	}
	original, err := name.ParseReference(text, name.WithDefaultRegistry(i.host))
	if err != nil {
		return nil, err
	}
	repository := original.Context().RepositoryStr()
	if original.Context().RegistryStr() == name.DefaultRegistry {
		repository = strings.TrimPrefix(repository, "library/")
	}
	tag, ok := original.(name.Tag)
	if !ok {
		return nil, fmt.Errorf("%s names an image by its digest: give a tag with --name REPOSITORY:TAG", text)
	}
	return name.NewTag(i.host+"/"+repository+":"+tag.TagStr(), name.Insecure)
}

// ensure makes a repository, if there is none.
func (i *Images) ensure(ctx context.Context, repository string) error {
	_, err := i.ecr.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &repository})
	var exists *types.RepositoryAlreadyExistsException
	if errors.As(err, &exists) {
		return nil
	}
	return err
}

// archived is one image, or list of images, of an archive.
type archived struct {
	name  string // empty: the archive gives none
	image v1.Image
	index v1.ImageIndex
}

func (a archived) push(target name.Reference, options ...remote.Option) error {
	if a.index != nil {
		return remote.WriteIndex(target, a.index, options...)
	}
	return remote.Write(target, a.image, options...)
}

// readArchive reads what `docker save`, or `docker buildx build -o type=oci` and
// the like, wrote; an OCI layout may also be a directory. The images can be read
// until done is called.
func readArchive(file string) (images []archived, done func(), err error) {
	done = func() {}
	info, err := os.Stat(file)
	if err != nil {
		return nil, done, err
	}
	if info.IsDir() {
		images, err = readLayout(file)
		return images, done, err
	}
	docker, err := hasManifest(file)
	if err != nil {
		return nil, done, err
	}
	if docker {
		images, err = readDocker(file)
		return images, done, err
	}
	dir, err := os.MkdirTemp("", "berth-image-*")
	if err != nil {
		return nil, done, err
	}
	done = func() { os.RemoveAll(dir) }
	if err := unpack(file, dir); err != nil {
		done()
		return nil, done, err
	}
	images, err = readLayout(dir)
	return images, done, err
}

// hasManifest reports whether file is an archive as docker writes them.
func hasManifest(file string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	files := tar.NewReader(f)
	layout := false
	for {
		header, err := files.Next()
		switch {
		case err == io.EOF && layout:
			return false, nil
		case err == io.EOF:
			return false, errors.New("it has neither a manifest.json nor an oci-layout, so it is no archive of images")
		case err != nil:
			return false, fmt.Errorf("it is no tar archive: %w", err)
		}
		switch filepath.Clean(header.Name) {
		case "manifest.json":
			return true, nil
		case "oci-layout":
			layout = true
		}
	}
}

func readDocker(file string) (images []archived, err error) {
	open := func() (io.ReadCloser, error) { return os.Open(file) }
	manifest, err := tarball.LoadManifest(open)
	if err != nil {
		return nil, err
	}
	for _, entry := range manifest {
		if len(entry.RepoTags) == 0 && len(manifest) > 1 {
			return nil, errors.New("one of its images has no name")
		}
		for _, tag := range entry.RepoTags {
			reference, err := name.NewTag(tag)
			if err != nil {
				return nil, err
			}
			image, err := tarball.Image(open, &reference)
			if err != nil {
				return nil, err
			}
			images = append(images, archived{name: tag, image: image})
		}
		if len(entry.RepoTags) == 0 {
			image, err := tarball.Image(open, nil)
			if err != nil {
				return nil, err
			}
			images = append(images, archived{image: image})
		}
	}
	return images, nil
}

// Where an OCI layout gives its images names.
//
// https://github.com/opencontainers/image-spec/blob/main/annotations.md
const (
	nameOfTag   = "org.opencontainers.image.ref.name"
	nameOfImage = "io.containerd.image.name"
)

func readLayout(dir string) (images []archived, err error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, m := range manifest.Manifests {
		a := archived{name: cmp.Or(m.Annotations[nameOfImage], m.Annotations[nameOfTag])}
		if m.MediaType.IsIndex() {
			a.index, err = index.ImageIndex(m.Digest)
		} else {
			a.image, err = index.Image(m.Digest)
		}
		if err != nil {
			return nil, err
		}
		images = append(images, a)
	}
	return images, nil
}

// unpack writes the files of a tar archive to dir.
func unpack(file, dir string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	root, err := os.OpenRoot(dir) // no name leads out of it
	if err != nil {
		return err
	}
	defer root.Close()
	files := tar.NewReader(f)
	for {
		header, err := files.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if err := root.MkdirAll(filepath.Dir(header.Name), 0o700); err != nil {
			return err
		}
		to, err := root.Create(header.Name)
		if err != nil {
			return err
		}
		if _, err := io.Copy(to, files); err != nil {
			return errors.Join(err, to.Close())
		}
		if err := to.Close(); err != nil {
			return err
		}
	}
}

// List writes a table of the images of all repositories to out.
func (i *Images) List(ctx context.Context, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "IMAGE\tDIGEST\tSIZE\tPUSHED")
	repositories := ecr.NewDescribeRepositoriesPaginator(i.ecr, &ecr.DescribeRepositoriesInput{})
	for repositories.HasMorePages() {
		page, err := repositories.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, r := range page.Repositories {
			if err := i.list(ctx, table, r); err != nil {
				return err
			}
		}
	}
	return table.Flush()
}

func (i *Images) list(ctx context.Context, table io.Writer, r types.Repository) error {
	images := ecr.NewDescribeImagesPaginator(i.ecr, &ecr.DescribeImagesInput{RepositoryName: r.RepositoryName})
	for images.HasMorePages() {
		page, err := images.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, image := range page.ImageDetails {
			digest := aws.ToString(image.ImageDigest)
			names := []string{aws.ToString(r.RepositoryUri) + "@" + digest}
			if len(image.ImageTags) > 0 {
				names = slices.Clone(image.ImageTags)
				for n, tag := range names {
					names[n] = aws.ToString(r.RepositoryUri) + ":" + tag
				}
			}
			for _, name := range names {
				fmt.Fprintf(table, "%s\t%.19s\t%.1f MB\t%s\n", name, digest,
					float64(aws.ToInt64(image.ImageSizeInBytes))/1e6, aws.ToTime(image.ImagePushedAt).Local().Format(time.DateTime))
			}
		}
	}
	return nil
}

// Remove takes the image with a name, REPOSITORY:TAG or REPOSITORY@DIGEST, with
// or without the registry's host, out of the registry.
func (i *Images) Remove(ctx context.Context, image string) error {
	image = strings.TrimPrefix(image, i.host+"/")
	var id types.ImageIdentifier
	repository, digest, ok := strings.Cut(image, "@")
	if ok {
		id.ImageDigest = &digest
	} else {
		var tag string
		if repository, tag, ok = strings.Cut(image, ":"); !ok {
			return fmt.Errorf("which image of %s? Give REPOSITORY:TAG or REPOSITORY@DIGEST", image)
		}
		id.ImageTag = &tag
	}
	answer, err := i.ecr.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{RepositoryName: &repository, ImageIds: []types.ImageIdentifier{id}})
	if err != nil {
		return err
	}
	if len(answer.Failures) > 0 {
		return fmt.Errorf("cannot remove %s: %s", image, aws.ToString(answer.Failures[0].FailureReason))
	}
	return nil
}
