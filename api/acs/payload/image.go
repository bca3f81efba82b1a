package payload

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/api/acs/message"
)

// pin lets a container of a service run the very image that the first task of
// its service revision pulled. An image that is given by digest stays as it is.
func pin(c *message.Container, resolved []types.ContainerImage) {
	for _, i := range resolved {
		if aws.ToString(i.ContainerName) == c.Name && i.ImageDigest != nil && !strings.Contains(c.Image, "@") {
			c.ImageName, c.Image = c.Image, repository(c.Image)+"@"+*i.ImageDigest
		}
	}
}

// repository is an image without its tag; a colon before the last slash is one
// of a port.
func repository(image string) string {
	if colon := strings.LastIndexByte(image, ':'); colon > strings.LastIndexByte(image, '/') {
		return image[:colon]
	}
	return image
}
