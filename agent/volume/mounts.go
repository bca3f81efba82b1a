package volume

import (
	"fmt"
	"maps"
	"path"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"berth/api/acs/message"
)

// Mounts says what a container mounts. Its mount points come first; then what
// other containers mount, by name, where it takes volumes from them; then the
// volumes of its image, by path. The first at a path wins, as with docker.
func Mounts(c message.Container, volumes map[string]Volume, from map[string][]specs.Mount, ofImage map[string]Volume) ([]specs.Mount, error) {
	var all []specs.Mount
	add := func(m specs.Mount) {
		if !slices.ContainsFunc(all, func(o specs.Mount) bool { return o.Destination == m.Destination }) {
			all = append(all, m)
		}
	}
	for _, p := range c.MountPoints {
		v, ok := volumes[p.SourceVolume]
		if !ok {
			return nil, fmt.Errorf("mountPoints: the task has no volume %q", p.SourceVolume)
		}
		target := path.Clean(p.ContainerPath)
		if slices.ContainsFunc(all, func(o specs.Mount) bool { return o.Destination == target }) {
			return nil, fmt.Errorf("Duplicate mount point: %s", target)
		}
		add(bind(v.Path, target, p.ReadOnly))
	}
	for _, f := range c.VolumesFrom {
		mounts, ok := from[f.SourceContainer]
		if !ok {
			return nil, fmt.Errorf("volumesFrom: the task has no container %q that was created before", f.SourceContainer)
		}
		for _, m := range mounts {
			add(bind(m.Source, m.Destination, f.ReadOnly || slices.Contains(m.Options, "ro")))
		}
	}
	for _, target := range slices.Sorted(maps.Keys(ofImage)) {
		add(bind(ofImage[target].Path, path.Clean(target), false))
	}
	return all, nil
}

func bind(source, target string, readOnly bool) specs.Mount {
	mode := "rw"
	if readOnly {
		mode = "ro"
	}
	return specs.Mount{Type: "bind", Source: source, Destination: target, Options: []string{"rbind", mode, "rprivate"}}
}
