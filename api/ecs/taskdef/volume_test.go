package taskdef

import (
	"strings"
	"testing"
)

func TestRefusesVolumes(t *testing.T) {
	volume := func(members string) string { return `"volumes":[{"name":"v",` + members + `}]` }
	const many = "When the volume parameter is specified, only one volume configuration type should be used."
	refuses(t, []refusal{
		{`"volumes":[{}]`, ``, "volume.name should not be null or empty."},
		{`"volumes":[{"name":"my volume"}]`, ``, "volume.name contains invalid characters."},
		{`"volumes":[{"name":"` + strings.Repeat("v", 256) + `"}]`, ``, "volume.name is too long: it can have at most 255 characters."},
		{`"volumes":[{"name":"v"},{"name":"v"}]`, ``, "Volume names must be unique within a Task Definition."},
		{volume(`"host":{},"configuredAtLaunch":true`), ``, many},
		{volume(`"host":{"sourcePath":"/data"},"efsVolumeConfiguration":{"fileSystemId":"fs-1"}`), ``, many},
		{volume(`"host":{"sourcePath":""}`), ``, "host.sourcePath should not be blank."},
		{volume(`"dockerVolumeConfiguration":{"driver":""}`), ``, "volume.dockerVolumeConfiguration.driver should not be null or empty."},
		{volume(`"dockerVolumeConfiguration":{"scope":"task","autoprovision":false}`), ``,
			"When 'scope' parameter is 'task', 'autoprovision' must either not be specified or set to 'True'."},
		{`"volumes":[{"name":"a","configuredAtLaunch":true},{"name":"b","configuredAtLaunch":true}]`, ``,
			"Only one volume of a task definition can be configured at launch."},
		{volume(`"configuredAtLaunch":true`), ``, "Volumes [v] are not referenced by any of the containers."},
		{volume(`"fsxWindowsFileServerVolumeConfiguration":{"rootDirectory":"x","authorizationConfig":{"credentialsParameter":"x","domain":"x"}}`), ``,
			"volume.fsxWindowsFileServerVolumeConfiguration.fileSystemId should not be null or empty."},
		{volume(`"fsxWindowsFileServerVolumeConfiguration":{"fileSystemId":"fs-1","authorizationConfig":{"credentialsParameter":"x","domain":"x"}}`), ``,
			"volume.fsxWindowsFileServerVolumeConfiguration.rootDirectory should not be null or empty."},
		{volume(`"fsxWindowsFileServerVolumeConfiguration":{"fileSystemId":"fs-1","rootDirectory":"x"}`), ``,
			"volume.fsxWindowsFileServerVolumeConfiguration.authorizationConfig should not be null or empty."},
		{volume(`"fsxWindowsFileServerVolumeConfiguration":{"fileSystemId":"fs-1","rootDirectory":"x","authorizationConfig":{"domain":"x"}}`), ``,
			"volume.fsxWindowsFileServerVolumeConfiguration.authorizationConfig.credentialsParameter should not be null or empty."},
		{volume(`"fsxWindowsFileServerVolumeConfiguration":{"fileSystemId":"fs-1","rootDirectory":"x","authorizationConfig":{"credentialsParameter":"x"}}`), ``,
			"volume.fsxWindowsFileServerVolumeConfiguration.authorizationConfig.domain should not be null or empty."},
	})
	accepts(t,
		[2]string{`"volumes":[{"name":"a"},{"name":"b","host":{}},{"name":"c","host":{"sourcePath":"/data"},"configuredAtLaunch":false}]`},
		[2]string{volume(`"dockerVolumeConfiguration":{"scope":"shared","autoprovision":false,"driver":"local"}`)},
		[2]string{volume(`"dockerVolumeConfiguration":{"autoprovision":false}`)}, // as Terraform writes it
		[2]string{volume(`"configuredAtLaunch":true`), `"mountPoints":[{"sourceVolume":"v","containerPath":"/data"}]`},
		[2]string{volume(`"fsxWindowsFileServerVolumeConfiguration":{"fileSystemId":"fs-1","rootDirectory":"share","authorizationConfig":{"credentialsParameter":"arn:x","domain":"example.com"}}`)},
	)
}

func TestRefusesFileSystems(t *testing.T) {
	efs := func(members string) string {
		return `"volumes":[{"name":"v","efsVolumeConfiguration":{"fileSystemId":"fs-1",` + members + `}}]`
	}
	s3 := func(members string) string {
		return `"volumes":[{"name":"v","s3filesVolumeConfiguration":{"fileSystemArn":"arn:aws:s3files:us-east-1:123456789012:file-system/fs-1"` + members + `}}]`
	}
	const role = `"taskRoleArn":"web",`
	refuses(t, []refusal{
		{`"volumes":[{"name":"v","efsVolumeConfiguration":{}}]`, ``, "volume.efsVolumeConfiguration.fileSystemId should not be null or empty."},
		{efs(`"transitEncryptionPort":2049`), ``, "TransitEncryptionPort requires that TransitEncryption is enabled."},
		{efs(`"transitEncryption":"ENABLED","transitEncryptionPort":65536`), ``, "TransitEncryptionPort must be between 1 and 65535."},
		{role + efs(`"authorizationConfig":{"iam":"ENABLED"}`), ``, "EFS IAM authorization requires TransitEncryption to be enabled."},
		{efs(`"transitEncryption":"ENABLED","authorizationConfig":{"iam":"ENABLED"}`), ``, "EFS IAM authorization requires a task role."},
		{efs(`"authorizationConfig":{"accessPointId":"fsap-1"}`), ``, "When using an EFS access point, TransitEncryption must be enabled."},
		{efs(`"transitEncryption":"ENABLED","rootDirectory":"/data","authorizationConfig":{"accessPointId":"fsap-1"}`), ``,
			`When using an EFS access point, the root directory must either be set to "/" or be omitted.`},
		{efs(`"rootDirectory":"data"`), ``, "volume.efsVolumeConfiguration.rootDirectory must start with '/'."},
		{role + `"volumes":[{"name":"v","s3filesVolumeConfiguration":{}}]`, ``, "volume.s3filesVolumeConfiguration.fileSystemArn should not be null or empty."},
		{s3(``), ``, "S3 Files volumes require a task role."},
		{role + s3(`,"rootDirectory":"/data","accessPointArn":"arn:x"`), ``, `When using an S3 Files access point, the root directory must either be set to "/" or be omitted.`},
		{role + s3(`,"transitEncryptionPort":0`), ``, "TransitEncryptionPort must be between 1 and 65535."},
		{role + s3(`,"rootDirectory":"data"`), ``, "volume.s3filesVolumeConfiguration.rootDirectory must start with '/'."},
	})
	accepts(t,
		[2]string{efs(`"rootDirectory":"/data"`)},
		[2]string{role + efs(`"transitEncryption":"ENABLED","transitEncryptionPort":2049,"rootDirectory":"/","authorizationConfig":{"accessPointId":"fsap-1","iam":"ENABLED"}`)},
		[2]string{role + s3(`,"accessPointArn":"arn:x","transitEncryptionPort":2049`)},
	)
}

func TestRefusesMounts(t *testing.T) {
	const volumes = `"volumes":[{"name":"v"}]`
	refuses(t, []refusal{
		{``, `"mountPoints":[{"sourceVolume":"data","containerPath":"/data"}]`, "Unknown volume 'data'."},
		{`"volumes":[{"name":"null"}]`, `"mountPoints":[{"containerPath":"/data"}]`, "Unknown volume 'null'."},
		{volumes, `"mountPoints":[{"sourceVolume":"v"}]`, "MountPoint.containerPath should not be null or empty."},
		{``, `"volumesFrom":[{"sourceContainer":"db"}]`, "Invalid 'volumesFrom' setting. Unknown container: 'db'"},
		{``, `"volumesFrom":[{"sourceContainer":"web"}]`, "Invalid 'volumesFrom' setting. Unknown container: 'web'"},
	})
	accepts(t, [2]string{containers(`"name":"a"`, `"name":"b","volumesFrom":[{"sourceContainer":"a","readOnly":true}]`)})
}
