package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"berth/cli/profile"
	network "berth/plan/vpc"
	"berth/server"
)

const family = "bench"

// berth is a `berth up` with the task definition bench.
type berth struct {
	program, dir string
	process      *exec.Cmd
	client       *ecs.Client
	network      *types.NetworkConfiguration

	mu    sync.Mutex
	tasks map[string]string // name to ARN
}

// up starts it, waits for its container instance, and defines the task.
func up(ctx context.Context, program, vpc, dir string) (_ *berth, err error) {
	b := &berth{program: program, dir: filepath.Join(dir, "berth"), tasks: map[string]string{}}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	b.process = exec.Command(program, "up", "--data-dir", b.dir, "--listen", "127.0.0.1:0", "--pools", "ec2", "--vpc-cidr", vpc)
	b.process.Stdout, b.process.Stderr = log, log
	if err := b.process.Start(); err != nil {
		return nil, fmt.Errorf("%w: make build", err)
	}
	defer func() {
		if err != nil {
			text, _ := os.ReadFile(log.Name())
			err = errors.Join(err, b.down(), fmt.Errorf("its log:\n%s", text))
		}
	}()
	if err := b.connect(ctx); err != nil {
		return nil, err
	}
	ref, err := b.load(dir)
	if err != nil {
		return nil, err
	}
	defaults := server.Default()
	subnet := network.Default(defaults.Account, defaults.Region, vpc).Subnets[0].ID
	b.network = &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{subnet}}}
	return b, b.define(ctx, dir, ref)
}

// connect waits until a container instance can have tasks.
func (b *berth) connect(ctx context.Context) error {
	return eventually("a container instance is connected", func() bool {
		p, err := profile.Read(b.dir)
		if err != nil {
			return false
		}
		if answer, err := http.Get(p.Endpoint + "/healthz"); err == nil {
			answer.Body.Close()
		}
		b.client = ecs.New(ecs.Options{
			Region: p.Region, BaseEndpoint: &p.Endpoint, Credentials: credentials.NewStaticCredentialsProvider(p.AccessKeyID, p.SecretKey, ""),
			HTTPClient: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}},
		})
		out, err := b.client.ListContainerInstances(ctx, &ecs.ListContainerInstancesInput{Filter: aws.String("agentConnected==true")})
		return err == nil && len(out.ContainerInstanceArns) > 0
	})
}

// load puts the program's image into the registry, and returns its name.
func (b *berth) load(dir string) (string, error) {
	content, err := os.ReadFile(filepath.Join(dir, "root", "say"))
	if err != nil {
		return "", err
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	if err := w.WriteHeader(&tar.Header{Name: "say", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))}); err != nil {
		return "", err
	}
	if _, err := w.Write(content); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil })
	if err != nil {
		return "", err
	}
	id, err := layer.DiffID()
	if err != nil {
		return "", err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return "", err
	}
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{Architecture: "amd64", OS: "linux", RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{id}}})
	if err != nil {
		return "", err
	}
	tag, err := name.NewTag(family + ":latest")
	if err != nil {
		return "", err
	}
	archive := filepath.Join(dir, "image.tar")
	if err := tarball.WriteToFile(archive, tag, image); err != nil {
		return "", err
	}
	out, err := exec.Command(b.program, "image", "--data-dir", b.dir, "load", archive).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("berth image load: %w\n%s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// define registers the task definition.
func (b *berth) define(ctx context.Context, dir, ref string) error {
	_, err := b.client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String(family), NetworkMode: types.NetworkModeAwsvpc,
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("c"), Image: &ref, Memory: aws.Int32(16), Command: []string{"/say"},
			MountPoints: []types.MountPoint{{SourceVolume: aws.String("said"), ContainerPath: aws.String("/said")}},
		}},
		Volumes: []types.Volume{{Name: aws.String("said"), Host: &types.HostVolumeProperties{SourcePath: aws.String(filepath.Join(dir, "said"))}}},
	})
	return err
}

// run calls RunTask for a task that says its name.
func (b *berth) run(ctx context.Context, name string) error {
	out, err := b.client.RunTask(ctx, &ecs.RunTaskInput{
		TaskDefinition: aws.String(family), NetworkConfiguration: b.network,
		Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: aws.String("c"), Command: []string{"/say", name}}}},
	})
	if err != nil {
		return err
	}
	if len(out.Tasks) != 1 {
		return fmt.Errorf("%s is not placed: %s %s", name, aws.ToString(out.Failures[0].Reason), aws.ToString(out.Failures[0].Detail))
	}
	b.mu.Lock()
	b.tasks[name] = aws.ToString(out.Tasks[0].TaskArn)
	b.mu.Unlock()
	return nil
}

// stop stops a task and waits until it has stopped.
func (b *berth) stop(ctx context.Context, name string) error {
	b.mu.Lock()
	task := b.tasks[name]
	b.mu.Unlock()
	if _, err := b.client.StopTask(ctx, &ecs.StopTaskInput{Task: &task}); err != nil {
		return err
	}
	return eventually(task+" has stopped", func() bool {
		out, err := b.client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Tasks: []string{task}})
		return err == nil && len(out.Tasks) == 1 && aws.ToString(out.Tasks[0].LastStatus) == "STOPPED"
	})
}

func (b *berth) contender(ctx context.Context) contender {
	return contender{
		name:   "berth RunTask",
		start:  func(name string) error { return b.run(ctx, name) },
		remove: func(name string) error { return b.stop(ctx, name) },
	}
}

// down ends it and takes away all that it made.
func (b *berth) down() error {
	_ = b.process.Process.Signal(syscall.SIGTERM)
	err := b.process.Wait()
	if out, failed := exec.Command(b.program, "down", "--data-dir", b.dir).CombinedOutput(); failed != nil {
		err = errors.Join(err, fmt.Errorf("berth down: %w\n%s", failed, out))
	}
	return err
}

func eventually(what string, is func() bool) error {
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(10 * time.Millisecond) {
		if is() {
			return nil
		}
	}
	return fmt.Errorf("not within a minute: %s", what)
}
