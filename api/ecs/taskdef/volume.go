package taskdef

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// checkVolumes checks the volumes of the task.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Volume.html
func checkVolumes(d *definition) error {
	seen, atLaunch := map[string]bool{}, 0
	for _, v := range d.Volumes {
		switch {
		case empty(v.Name):
			return blank("volume.name")
		case !nameText.MatchString(*v.Name):
			return refuse("volume.name contains invalid characters.")
		case len(*v.Name) > mostCharacters:
			return refuse("volume.name is too long: it can have at most %d characters.", mostCharacters)
		case seen[*v.Name]:
			return refuse("Volume names must be unique within a Task Definition.")
		case kinds(v) > 1:
			return refuse("When the volume parameter is specified, only one volume configuration type should be used.")
		}
		seen[*v.Name] = true
		if isTrue(v.ConfiguredAtLaunch) {
			atLaunch++
		}
		if err := first(checkHostVolume(v.Host), checkDockerVolume(v.DockerVolumeConfiguration), checkEFS(d, v.EfsVolumeConfiguration),
			checkS3Files(d, v.S3filesVolumeConfiguration), checkFSx(v.FsxWindowsFileServerVolumeConfiguration)); err != nil {
			return err
		}
	}
	if atLaunch > 1 {
		return refuse("Only one volume of a task definition can be configured at launch.")
	}
	return nil
}

// kinds counts the ways in which a volume is configured.
func kinds(v types.Volume) (n int) {
	for _, given := range []bool{
		v.Host != nil, v.DockerVolumeConfiguration != nil, v.EfsVolumeConfiguration != nil,
		v.S3filesVolumeConfiguration != nil, v.FsxWindowsFileServerVolumeConfiguration != nil, isTrue(v.ConfiguredAtLaunch),
	} {
		if given {
			n++
		}
	}
	return n
}

func checkHostVolume(h *types.HostVolumeProperties) error {
	if h != nil && h.SourcePath != nil && *h.SourcePath == "" {
		return refuse("host.sourcePath should not be blank.")
	}
	return nil
}

func checkDockerVolume(v *types.DockerVolumeConfiguration) error {
	switch {
	case v == nil:
		return nil
	case v.Driver != nil && *v.Driver == "":
		return blank("volume.dockerVolumeConfiguration.driver")
	case v.Scope == types.ScopeTask && v.Autoprovision != nil && !*v.Autoprovision:
		return refuse("When 'scope' parameter is 'task', 'autoprovision' must either not be specified or set to 'True'.")
	}
	return nil
}

// checkEFS checks that an EFS volume encrypts in transit what has to be.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EFSVolumeConfiguration.html
func checkEFS(d *definition, v *types.EFSVolumeConfiguration) error {
	if v == nil {
		return nil
	}
	auth := v.AuthorizationConfig
	if auth == nil {
		auth = &types.EFSAuthorizationConfig{}
	}
	encrypted, byIAM := v.TransitEncryption == types.EFSTransitEncryptionEnabled, auth.Iam == types.EFSAuthorizationConfigIAMEnabled
	switch {
	case empty(v.FileSystemId):
		return blank("volume.efsVolumeConfiguration.fileSystemId")
	case v.TransitEncryptionPort != nil && !encrypted:
		return refuse("TransitEncryptionPort requires that TransitEncryption is enabled.")
	case byIAM && !encrypted:
		return refuse("EFS IAM authorization requires TransitEncryption to be enabled.")
	case byIAM && empty(d.TaskRoleArn):
		return refuse("EFS IAM authorization requires a task role.")
	case !empty(auth.AccessPointId) && !encrypted:
		return refuse("When using an EFS access point, TransitEncryption must be enabled.")
	case !empty(auth.AccessPointId) && !isRoot(v.RootDirectory):
		return refuse(`When using an EFS access point, the root directory must either be set to "/" or be omitted.`)
	}
	return first(checkMountPort(v.TransitEncryptionPort), checkDirectory("efsVolumeConfiguration", v.RootDirectory))
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_S3FilesVolumeConfiguration.html
func checkS3Files(d *definition, v *types.S3FilesVolumeConfiguration) error {
	switch {
	case v == nil:
		return nil
	case empty(v.FileSystemArn):
		return blank("volume.s3filesVolumeConfiguration.fileSystemArn")
	case empty(d.TaskRoleArn):
		return refuse("S3 Files volumes require a task role.")
	case !empty(v.AccessPointArn) && !isRoot(v.RootDirectory):
		return refuse(`When using an S3 Files access point, the root directory must either be set to "/" or be omitted.`)
	}
	return first(checkMountPort(v.TransitEncryptionPort), checkDirectory("s3filesVolumeConfiguration", v.RootDirectory))
}

func isRoot(directory *string) bool { return empty(directory) || *directory == "/" }

func checkMountPort(port *int32) error {
	if port != nil && (*port < 1 || *port > mostPort) {
		return refuse("TransitEncryptionPort must be between 1 and %d.", mostPort)
	}
	return nil
}

func checkDirectory(member string, directory *string) error {
	if !empty(directory) && !strings.HasPrefix(*directory, "/") {
		return refuse("volume.%s.rootDirectory must start with '/'.", member)
	}
	return nil
}

func checkFSx(v *types.FSxWindowsFileServerVolumeConfiguration) error {
	const member = "volume.fsxWindowsFileServerVolumeConfiguration."
	switch {
	case v == nil:
		return nil
	case empty(v.FileSystemId):
		return blank(member + "fileSystemId")
	case empty(v.RootDirectory):
		return blank(member + "rootDirectory")
	case v.AuthorizationConfig == nil:
		return blank(member + "authorizationConfig")
	case empty(v.AuthorizationConfig.CredentialsParameter):
		return blank(member + "authorizationConfig.credentialsParameter")
	case empty(v.AuthorizationConfig.Domain):
		return blank(member + "authorizationConfig.domain")
	}
	return nil
}

// checkMounts checks what a container mounts: volumes of the task, and those
// of other containers.
func checkMounts(d *definition, c *container) error {
	for _, m := range c.MountPoints {
		if m.SourceVolume == nil || d.volume(*m.SourceVolume) == nil {
			return refuse("Unknown volume '%s'.", text(m.SourceVolume))
		}
		if empty(m.ContainerPath) {
			return blank("MountPoint.containerPath")
		}
	}
	for _, from := range c.VolumesFrom {
		source := from.SourceContainer
		if source == nil || *source == *c.Name || d.find(*source) == nil {
			return refuse("Invalid 'volumesFrom' setting. Unknown container: '%s'", text(source))
		}
	}
	return nil
}

// volume returns the volume of that name, or nil.
func (d *definition) volume(name string) *types.Volume {
	for i := range d.Volumes {
		if *d.Volumes[i].Name == name {
			return &d.Volumes[i]
		}
	}
	return nil
}

// checkReferenced: a volume that is configured at launch costs, so it is used.
func checkReferenced(d *definition) error {
	for _, v := range d.Volumes {
		mounted := d.has(func(c *container) bool {
			for _, m := range c.MountPoints {
				if *m.SourceVolume == *v.Name {
					return true
				}
			}
			return false
		})
		if isTrue(v.ConfiguredAtLaunch) && !mounted {
			return refuse("Volumes [%s] are not referenced by any of the containers.", *v.Name)
		}
	}
	return nil
}
