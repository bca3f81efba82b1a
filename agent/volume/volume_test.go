package volume

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/moby/sys/mountinfo"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/api/acs/message"
)

func open(t *testing.T, cfg Config) *Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Down(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		unmountBelow(cfg.Dir)
	})
	return s
}

func task(id string) message.Task {
	return message.Task{ARN: "arn:aws:ecs:us-east-1:123456789012:task/c/" + id, Family: "web", Version: "3"}
}

// volume reads one from the payload's JSON.
func volume(t *testing.T, text string) message.Volume {
	t.Helper()
	var v message.Volume
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func attach(t *testing.T, s *Store, task message.Task, text string) Volume {
	t.Helper()
	v, err := s.Attach(t.Context(), task, volume(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func mountsBelow(t *testing.T, dir string) int {
	t.Helper()
	found, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestVolumeOfTask(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	s := open(t, cfg)
	for _, text := range []string{
		`{"name":"scratch","type":"host","host":{}}`,
		`{"name":"named","type":"docker","dockerVolumeConfiguration":{"scope":"task","driver":"local"}}`,
	} {
		v := attach(t, s, task("one"), text)
		if !strings.HasPrefix(v.ID, "ecs-web-3-"+v.Name+"-") {
			t.Errorf("ID is %q", v.ID)
		}
		write(t, v.Path+"/f", "x")
		again := attach(t, open(t, cfg), task("one"), text)
		if again != v || !exists(v.Path+"/f") {
			t.Errorf("after a restart it is %+v, was %+v", again, v)
		}
		if other := attach(t, s, task("two"), text); other.Path == v.Path || exists(other.Path+"/f") {
			t.Errorf("another task has the same volume: %+v", other)
		}
		if err := s.Detach(t.Context(), task("one").ARN); err != nil {
			t.Fatal(err)
		}
		if exists(v.Path) {
			t.Errorf("%s is still there after its task", v.Path)
		}
	}
	if err := s.Detach(t.Context(), task("one").ARN); err != nil {
		t.Errorf("to detach again: %v", err)
	}
	if tasks, err := s.Tasks(); err != nil || !slices.Equal(tasks, []string{task("two").ARN}) {
		t.Errorf("tasks are %q, %v", tasks, err)
	}
}

func TestHostPath(t *testing.T) {
	s, dir := open(t, Config{}), t.TempDir()
	write(t, dir+"/file", "x")
	for _, path := range []string{dir + "/new/dir", dir + "/file"} {
		v := attach(t, s, task("one"), fmt.Sprintf(`{"name":"h","host":{"sourcePath":%q}}`, path))
		if v != (Volume{Name: "h", Path: path}) || !exists(path) {
			t.Errorf("got %+v", v)
		}
	}
	if err := s.Detach(t.Context(), task("one").ARN); err != nil || !exists(dir+"/new/dir") || !exists(dir+"/file") {
		t.Errorf("the host's own path is gone: %v", err)
	}
}

func TestShared(t *testing.T) {
	s := open(t, Config{})
	const text = `{"name":"cache","dockerVolumeConfiguration":{"scope":"shared","autoprovision":%t,"labels":{"a":%q},"driverOpts":{"type":"tmpfs","device":"tmpfs","o":"size=1m"}}}`
	if _, err := s.Attach(t.Context(), task("one"), volume(t, fmt.Sprintf(text, false, "1"))); err == nil {
		t.Error("a shared volume that is not there was made without autoprovision")
	}
	one := attach(t, s, task("one"), fmt.Sprintf(text, true, "1"))
	two := attach(t, s, task("two"), fmt.Sprintf(text, false, "1"))
	if one != two || one.ID != "cache" || mountsBelow(t, one.Path) != 1 {
		t.Errorf("got %+v and %+v", one, two)
	}
	_, err := s.Attach(t.Context(), task("three"), volume(t, fmt.Sprintf(text, true, "2")))
	if want := "volume cache: intended volume labels map[a:2] doesn't match existing volume labels map[a:1]"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	for i, left := range []int{1, 0} {
		if err := s.Detach(t.Context(), task([]string{"one", "two"}[i]).ARN); err != nil {
			t.Fatal(err)
		}
		if got := mountsBelow(t, one.Path); got != left {
			t.Errorf("after task %d: %d mounts, want %d", i, got, left)
		}
	}

	kept := attach(t, s, task("one"), `{"name":"data","dockerVolumeConfiguration":{"scope":"shared","autoprovision":true}}`)
	write(t, kept.Path+"/f", "x")
	if err := s.Detach(t.Context(), task("one").ARN); err != nil || !exists(kept.Path+"/f") {
		t.Errorf("a shared volume lost its data with its task: %v", err)
	}
}

func TestDriverOpts(t *testing.T) {
	s, dir := open(t, Config{}), t.TempDir()
	write(t, dir+"/f", "x")
	bound := attach(t, s, task("one"), fmt.Sprintf(`{"name":"b","dockerVolumeConfiguration":{"scope":"task","driverOpts":{"type":"none","device":%q,"o":"bind"}}}`, dir))
	if !exists(bound.Path + "/f") {
		t.Errorf("%s is not the directory that was bound", bound.Path)
	}
	ram := attach(t, s, task("one"), `{"name":"r","dockerVolumeConfiguration":{"scope":"task","driverOpts":{"type":"tmpfs","device":"tmpfs","o":"size=1m,mode=700"}}}`)
	if err := os.WriteFile(ram.Path+"/big", make([]byte, 2<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("2 MiB into a tmpfs of 1 MiB: %v", err)
	}
	if again := attach(t, s, task("one"), `{"name":"r","dockerVolumeConfiguration":{"scope":"task","driverOpts":{"type":"tmpfs","device":"tmpfs","o":"size=1m,mode=700"}}}`); again != ram || mountsBelow(t, ram.Path) != 1 {
		t.Errorf("attached again: %+v with %d mounts", again, mountsBelow(t, ram.Path))
	}
	if err := s.Detach(t.Context(), task("one").ARN); err != nil || exists(ram.Path) || !exists(dir+"/f") {
		t.Errorf("after detach: tmpfs is there: %t, what was bound is there: %t, %v", exists(ram.Path), exists(dir+"/f"), err)
	}
}

func TestRefused(t *testing.T) {
	fargate := open(t, Config{NoHostPaths: true, EFS: map[string]string{"fs-1": "/srv", "fs-2": "nas:/export"}})
	for _, tc := range []struct{ text, want string }{
		{`{"name":"v","host":{"sourcePath":"/etc"}}`, "volume v: host.sourcePath is not supported on Fargate"},
		{`{"name":"v","dockerVolumeConfiguration":{"driverOpts":{"type":"none","device":"/etc","o":"bind"}}}`, "volume v: driverOpts.device: a path of the host is not supported on Fargate"},
		{`{"name":"v","dockerVolumeConfiguration":{"driver":"rexray/ebs"}}`, `volume v: the driver "rexray/ebs" is not supported by this agent, which has local`},
		{`{"name":"v","dockerVolumeConfiguration":{"driverOpts":{"size":"1g"}}}`, `volume v: driverOpts: invalid option "size": the driver local has type, device and o`},
		{`{"name":"v","dockerVolumeConfiguration":{"driverOpts":{"type":"nfs"}}}`, "volume v: driverOpts.device is missing"},
		{`{"name":"v","dockerVolumeConfiguration":{"driverOpts":{"type":"nosuchfs","device":"x"}}}`, "volume v: this machine's kernel has no file system of the type nosuchfs"},
		{`{"name":"v","dockerVolumeConfiguration":{"driverOpts":{"type":"nfs","device":"127.0.0.1:/x","o":"port=1"}}}`, "volume v: NFS server 127.0.0.1: dial tcp 127.0.0.1:1: connect: connection refused"},
		{`{"name":"v","efsVolumeConfiguration":{"fileSystemId":"fs-9"}}`, "volume v: EFS fs-9 is not mapped on this instance: start its agent with --efs fs-9=/DIRECTORY or --efs fs-9=NFS-SERVER:/PATH"},
		{`{"name":"v","efsVolumeConfiguration":{"fileSystemId":"fs-1","authorizationConfig":{"accessPointId":"fsap-1"}}}`, "volume v: EFS fsap-1 is not mapped on this instance: start its agent with --efs fsap-1=/DIRECTORY or --efs fsap-1=NFS-SERVER:/PATH"},
		{`{"name":"v","efsVolumeConfiguration":{"fileSystemId":"fs-1","rootDirectory":"/no/such"}}`, "volume v: rootDirectory /no/such: stat /srv/no/such: no such file or directory"},
		{`{"name":"v","efsVolumeConfiguration":{"fileSystemId":"fs-2","transitEncryption":"ENABLED"}}`, "volume v: transitEncryption: EFS fs-2 is mapped to the NFS server nas, which is spoken to without TLS"},
		{`{"name":"../v","host":{}}`, "volume ../v: its name must be letters, digits, hyphens and underscores"},
		{`{"name":"v","type":"fsxWindowsFileServer"}`, `volume v: the type "fsxWindowsFileServer" is not supported by this agent`},
	} {
		if _, err := fargate.Attach(t.Context(), task("one"), volume(t, tc.text)); err == nil || err.Error() != tc.want {
			t.Errorf("%s:\n got %v\nwant %s", tc.text, err, tc.want)
		}
	}
	if _, err := Open(Config{Dir: t.TempDir(), EFS: map[string]string{"fs-1": "srv"}}); err == nil {
		t.Error("a mapping that is no path was taken")
	}
}

// What stands for an EFS file system keeps its data, and its directory cannot be left.
func TestEFS(t *testing.T) {
	export := t.TempDir()
	write(t, export+"/app/f", "x")
	if err := os.Symlink("/etc", export+"/out"); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{EFS: map[string]string{"fs-1": export, "fsap-1": export + "/app"}})
	for _, text := range []string{
		`{"name":"v","efsVolumeConfiguration":{"fileSystemId":"fs-1","rootDirectory":"/app","transitEncryption":"ENABLED"}}`,
		`{"name":"v","efsVolumeConfiguration":{"fileSystemId":"fs-1","authorizationConfig":{"accessPointId":"fsap-1","iam":"ENABLED"}}}`,
	} {
		if v := attach(t, s, task("one"), text); !exists(v.Path+"/f") || v.ID != "" {
			t.Errorf("%s: got %+v", text, v)
		}
	}
	for _, root := range []string{"/../../etc", "/out"} {
		if v, err := s.Attach(t.Context(), task("one"), volume(t, fmt.Sprintf(`{"name":"v","efsVolumeConfiguration":{"fileSystemId":"fs-1","rootDirectory":%q}}`, root))); err == nil {
			t.Errorf("rootDirectory %s leads to %s", root, v.Path)
		}
	}
	if err := s.Detach(t.Context(), task("one").ARN); err != nil || !exists(export+"/app/f") {
		t.Errorf("the export lost its data: %v", err)
	}
}

// A mount that cannot be removed must not have its files deleted.
func TestDetachSparesMounts(t *testing.T) {
	s, precious := open(t, Config{}), t.TempDir()
	write(t, precious+"/f", "x")
	v := attach(t, s, task("one"), `{"name":"r","dockerVolumeConfiguration":{"driverOpts":{"type":"tmpfs","device":"tmpfs"}}}`)
	if err := unix.Mount(precious, v.Path, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Detach(t.Context(), task("one").ARN); err != nil || !exists(precious+"/f") {
		t.Errorf("detach deleted what was mounted: %v", err)
	}
}

func TestFill(t *testing.T) {
	image := t.TempDir()
	write(t, image+"/srv/www/index", "hello")
	if err := errors.Join(os.Symlink("/srv/www", image+"/www"), os.Chown(image+"/srv/www", 33, 33), os.Chmod(image+"/srv/www", 0o750), os.Mkdir(image+"/empty", 0o1777), os.Chmod(image+"/empty", 0o777|os.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{})
	for i, tc := range []struct{ volume, at, want string }{
		{`{"name":"v","host":{}}`, "/www", "index=hello 33:33 0750"},
		{`{"name":"v","host":{}}`, "/empty", "0:0 1777"},
		{`{"name":"v","host":{}}`, "/nothing", "0:0 0755"},
		{`{"name":"v","host":{}}`, "/srv/www/index", "0:0 0755"},
		{`{"name":"v","dockerVolumeConfiguration":{"driverOpts":{"type":"tmpfs","device":"tmpfs","o":"mode=755"}}}`, "/srv/www", "index=hello 33:33 0750"},
	} {
		v := attach(t, s, task(fmt.Sprint("task", i)), tc.volume)
		var all sync.WaitGroup
		for range 3 { // containers that are created at the same time
			all.Go(func() {
				if err := s.Fill(t.Context(), v, image, tc.at); err != nil {
					t.Errorf("%s: %v", tc.at, err)
				}
			})
		}
		all.Wait()
		if got := look(t, v.Path); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.at, got, tc.want)
		}
		write(t, v.Path+"/index", "mine")
		if err := s.Fill(t.Context(), v, image, "/srv/www"); err != nil || !strings.HasPrefix(look(t, v.Path), "index=mine") {
			t.Errorf("what was there is overwritten: %q, %v", look(t, v.Path), err)
		}
	}
	half := attach(t, s, task("half"), `{"name":"v","host":{}}`)
	write(t, half.Path+"/old", "x")
	write(t, filepath.Dir(half.Path)+"/.fill-v", "")
	if err := s.Fill(t.Context(), half, image, "/srv/www"); err != nil || look(t, half.Path) != "index=hello 33:33 0750" {
		t.Errorf("after a crash: %q, %v", look(t, half.Path), err)
	}
	host := t.TempDir()
	if err := s.Fill(t.Context(), Volume{Path: host}, image, "/srv/www"); err != nil || exists(host+"/index") {
		t.Errorf("a path of the host was filled: %v", err)
	}
}

// look is the files of a directory, and its owner and mode.
func look(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, e := range entries {
		text, _ := os.ReadFile(filepath.Join(dir, e.Name()))
		fmt.Fprintf(&b, "%s=%s ", e.Name(), text)
	}
	f, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := f.Sys().(*syscall.Stat_t)
	fmt.Fprintf(&b, "%d:%d %04o", s.Uid, s.Gid, s.Mode&0o7777)
	return b.String()
}

func TestEphemeral(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	s := open(t, cfg)
	dir, err := s.Ephemeral(t.Context(), task("one").ARN, 21)
	if err != nil {
		t.Fatal(err)
	}
	var f unix.Statfs_t
	if err := unix.Statfs(dir, &f); err != nil {
		t.Fatal(err)
	}
	if gib := float64(f.Bavail) * float64(f.Bsize) / (1 << 30); gib < 20 || gib > 21 {
		t.Errorf("%.1f GiB are free, want nearly 21", gib)
	}
	write(t, dir+"/f", "x")
	if again, err := open(t, cfg).Ephemeral(t.Context(), task("one").ARN, 21); again != dir || err != nil || !exists(dir+"/f") {
		t.Errorf("again: %s, %v", again, err)
	}
	if err := s.Detach(t.Context(), task("one").ARN); err != nil || exists(dir) || mountsBelow(t, cfg.Dir) != 0 {
		t.Errorf("it is still there: %v", err)
	}
}

func TestMounts(t *testing.T) {
	volumes := map[string]Volume{"a": {Path: "/h/a"}, "b": {Path: "/h/b"}}
	from := map[string][]specs.Mount{"init": {bind("/h/a", "/a", false), bind("/h/c", "/c", true)}}
	for _, tc := range []struct{ container, want string }{
		{`{}`, ""},
		{`{"mountPoints":[{"sourceVolume":"a","containerPath":"/x/"},{"sourceVolume":"a","containerPath":"/y","readOnly":true}]}`, "/h/a:/x:rw /h/a:/y:ro"},
		{`{"volumesFrom":[{"sourceContainer":"init"}]}`, "/h/a:/a:rw /h/c:/c:ro"},
		{`{"volumesFrom":[{"sourceContainer":"init","readOnly":true}]}`, "/h/a:/a:ro /h/c:/c:ro"},
		{`{"mountPoints":[{"sourceVolume":"b","containerPath":"/a"}],"volumesFrom":[{"sourceContainer":"init"}]}`, "/h/b:/a:rw /h/c:/c:ro"},
		{`{"mountPoints":[{"sourceVolume":"z","containerPath":"/a"}]}`, `mountPoints: the task has no volume "z"`},
		{`{"mountPoints":[{"sourceVolume":"a","containerPath":"/a"},{"sourceVolume":"b","containerPath":"/a/"}]}`, "Duplicate mount point: /a"},
		{`{"volumesFrom":[{"sourceContainer":"web"}]}`, `volumesFrom: the task has no container "web" that was created before`},
	} {
		var c message.Container
		if err := json.Unmarshal([]byte(tc.container), &c); err != nil {
			t.Fatal(err)
		}
		if got := print(Mounts(c, volumes, from, nil)); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.container, got, tc.want)
		}
	}
	ofImage := map[string]Volume{"/a": {Path: "/h/1"}, "/d": {Path: "/h/2"}}
	c := message.Container{MountPoints: []message.MountPoint{{SourceVolume: "a", ContainerPath: "/a"}}}
	if got, want := print(Mounts(c, volumes, nil, ofImage)), "/h/a:/a:rw /h/2:/d:rw"; got != want {
		t.Errorf("with the image's volumes: got %q, want %q", got, want)
	}
}

func print(mounts []specs.Mount, err error) string {
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, m := range mounts {
		all = append(all, m.Source+":"+m.Destination+":"+m.Options[1])
	}
	return strings.Join(all, " ")
}
