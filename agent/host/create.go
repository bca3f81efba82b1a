package host

import (
	"context"
	"errors"
	"os"

	"berth/agent/engine"
	"berth/agent/image"
	"berth/agent/logdriver"
	"berth/agent/metadata"
	"berth/agent/network"
	"berth/agent/oci"
	"berth/agent/runtime"
)

// Create makes a container of its definition, its image and what was prepared.
func (h *Host) Create(ctx context.Context, t *engine.Task, container string) (engine.Made, error) {
	def := t.Definition(container)
	img, err := h.image(ctx, t, container)
	if err != nil {
		return engine.Made{}, err
	}
	docker, err := oci.Parse(def.DockerConfig)
	if err != nil {
		return engine.Made{}, err
	}
	made, netns, err := h.attachContainer(ctx, t, container)
	if err != nil {
		return engine.Made{}, err
	}
	etc, err := h.writeEtc(t, container, docker, made.Address)
	if err != nil {
		return engine.Made{}, err
	}
	names := map[string]string{}
	mounts, err := h.mounts(ctx, t, container, img, names)
	if err != nil {
		return engine.Made{}, err
	}
	for _, m := range mounts {
		made.Volumes = append(made.Volumes, engine.Volume{Name: names[m.Source], Source: m.Source, Destination: m.Destination})
	}
	driver, err := logdriver.Parse(docker.HostConfig.LogConfig.Type, docker.HostConfig.LogConfig.Config)
	if err != nil {
		return engine.Made{}, err
	}
	env := metadata.Environment(t.Container(container).EndpointID, h.cfg.Region, t.Payload.RoleCredentials)
	h.mu.Lock()
	got := h.fetched[t.ID()][container]
	h.mu.Unlock()
	c := oci.Container{
		Container: *def, Docker: docker, Image: img.Config,
		Files: got.files, Secrets: got.secrets, Injected: env, Defaults: h.defaults(t, env),
		Hostname: h.hostname(t, container), Mounts: mounts, Etc: etc, Network: netns,
		PID: oci.Namespace(t.Payload.PIDMode), IPC: oci.Namespace(t.Payload.IPCMode), Shm: h.shm(t),
		Init: h.cfg.Init, Labels: h.Labels(t, container),
	}
	spec, err := oci.Spec(c, h.cfg.Machine)
	if err != nil {
		return engine.Made{}, err
	}
	rootfs, err := h.cfg.Images.Snapshot(ctx, h.snapshot(t.ID(), container), img, h.ephemeral(t))
	if err != nil {
		return engine.Made{}, err
	}
	log := driver.Spool
	log.Dir = h.logDir(t.ID(), container)
	return made, h.make(ctx, runtime.Container{
		ID: id(t, container), Spec: spec, Rootfs: rootfs, User: oci.User(c), OpenStdin: docker.Config.OpenStdin, Log: log,
	})
}

// make creates a container, and anew one that an agent before this one left unfinished.
func (h *Host) make(ctx context.Context, c runtime.Container) error {
	_, err := h.cfg.Runtime.Create(ctx, c)
	if !errors.Is(err, runtime.ErrExists) {
		return err
	}
	if err := h.cfg.Runtime.Delete(ctx, c.ID); err != nil {
		return err
	}
	_, err = h.cfg.Runtime.Create(ctx, c)
	return err
}

// image is the image that Pull gave, also if another has its name by now; but
// after a restart of the agent it is the one of that name.
func (h *Host) image(ctx context.Context, t *engine.Task, container string) (image.Image, error) {
	h.mu.Lock()
	img, known := h.images[id(t, container)]
	h.mu.Unlock()
	if known {
		return img, nil
	}
	return h.cfg.Images.Get(ctx, t.Definition(container).Image)
}

// defaults are the variables that a definition may set itself, some taken out of
// env: the region, and the endpoint at which AWS's clients find this control plane.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
func (h *Host) defaults(t *engine.Task, env map[string]string) map[string]string {
	out := map[string]string{"AWS_ENDPOINT_URL": h.cfg.BridgeEndpoint}
	if mode(t) == network.Host {
		out["AWS_ENDPOINT_URL"] = h.cfg.Endpoint
	}
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		out[name] = env[name]
		delete(env, name)
	}
	return out
}

// Labels are those of Amazon's agent, which on Fargate has the cluster's ARN.
func (h *Host) Labels(t *engine.Task, container string) map[string]string {
	cluster := h.cfg.Cluster
	if t.Payload.LaunchType == "FARGATE" {
		cluster = t.Payload.Cluster
	}
	return map[string]string{
		"com.amazonaws.ecs.cluster":                 cluster,
		"com.amazonaws.ecs.container-name":          container,
		"com.amazonaws.ecs.task-arn":                t.Payload.ARN,
		"com.amazonaws.ecs.task-definition-family":  t.Payload.Family,
		"com.amazonaws.ecs.task-definition-version": t.Payload.Version,
	}
}

// writeFile writes what a container finds in /etc.
func (h *Host) writeFile(t *engine.Task, container, name, text string) (string, error) {
	dir := h.dir(t.ID(), "etc", container)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path := dir + "/" + name
	return path, os.WriteFile(path, []byte(text), 0o644)
}
