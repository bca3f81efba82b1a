package payload

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/api/acs/message"
)

func volumes(list []types.Volume) (all []message.Volume, err error) {
	for _, v := range list {
		m := message.Volume{Name: aws.ToString(v.Name)}
		switch {
		case v.DockerVolumeConfiguration != nil:
			m.Type, m.Docker = "docker", dockerVolume(v.DockerVolumeConfiguration)
		case v.EfsVolumeConfiguration != nil:
			m.Type, m.EFS = "efs", efsVolume(v.EfsVolumeConfiguration)
		case v.FsxWindowsFileServerVolumeConfiguration != nil:
			return nil, fmt.Errorf("volume %s: FSx for Windows File Server volumes need Windows", m.Name)
		case v.S3filesVolumeConfiguration != nil:
			return nil, fmt.Errorf("volume %s: S3 Files volumes are not built yet", m.Name)
		case aws.ToBool(v.ConfiguredAtLaunch):
			return nil, fmt.Errorf("volume %s: volumes that are configured at launch are not built yet", m.Name)
		default:
			m.Type, m.Host = "host", &message.HostVolume{}
			if v.Host != nil {
				m.Host.SourcePath = aws.ToString(v.Host.SourcePath)
			}
		}
		all = append(all, m)
	}
	return all, nil
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DockerVolumeConfiguration.html
func dockerVolume(v *types.DockerVolumeConfiguration) *message.DockerVolume {
	m := &message.DockerVolume{
		Scope: string(v.Scope), Autoprovision: aws.ToBool(v.Autoprovision),
		Driver: aws.ToString(v.Driver), DriverOpts: v.DriverOpts, Labels: v.Labels,
	}
	if m.Scope == "" {
		m.Scope = string(types.ScopeTask)
	}
	if m.Driver == "" {
		m.Driver = "local"
	}
	return m
}

func efsVolume(v *types.EFSVolumeConfiguration) *message.EFSVolume {
	m := &message.EFSVolume{
		FileSystemID: aws.ToString(v.FileSystemId), RootDirectory: aws.ToString(v.RootDirectory),
		TransitEncryption: string(v.TransitEncryption), TransitEncryptionPort: aws.ToInt32(v.TransitEncryptionPort),
	}
	if a := v.AuthorizationConfig; a != nil {
		m.AuthorizationConfig = &message.EFSAuthorization{AccessPointID: aws.ToString(a.AccessPointId), IAM: string(a.Iam)}
	}
	return m
}
