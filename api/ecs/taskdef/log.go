package taskdef

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/arn"
)

// requiredLogOptions are the options that a log driver cannot do without.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html
var requiredLogOptions = map[types.LogDriver][]string{
	types.LogDriverAwslogs: {"awslogs-region", "awslogs-group"},
	types.LogDriverSplunk:  {"splunk-token", "splunk-url"},
}

func checkLog(d *definition, c *container) error {
	l := c.LogConfiguration
	if l == nil {
		return nil
	}
	if l.LogDriver == "" {
		return blank("LogConfiguration.logDriver")
	}
	if !slices.Contains(l.LogDriver.Values(), l.LogDriver) {
		return badLogDriver(l.LogDriver, l.LogDriver.Values())
	}
	if err := checkSecretList(d, l.SecretOptions); err != nil {
		return err
	}
	var missing []string
	for _, option := range requiredLogOptions[l.LogDriver] {
		secret := slices.ContainsFunc(l.SecretOptions, func(s types.Secret) bool { return *s.Name == option })
		if l.Options[option] == "" && !secret {
			missing = append(missing, option)
		}
	}
	if len(missing) > 0 {
		return refuse("Log driver %s requires options: %s", l.LogDriver, strings.Join(missing, ", "))
	}
	if l.Options["awslogs-datetime-format"] != "" && l.Options["awslogs-multiline-pattern"] != "" {
		return refuse("You cannot configure both the awslogs-datetime-format and awslogs-multiline-pattern options.")
	}
	if mode, ok := l.Options["mode"]; ok && mode != "blocking" && mode != "non-blocking" {
		return refuse("Invalid log option mode '%s' for container '%s': it must be 'blocking' or 'non-blocking'.", mode, *c.Name)
	}
	return nil
}

func badLogDriver(driver types.LogDriver, valid []types.LogDriver) error {
	names := make([]string, len(valid))
	for i, v := range valid {
		names[i] = string(v)
	}
	return refuse("%s is not a valid log driver. Must be one of [%s]", driver, strings.Join(names, ", "))
}

// checkFirelens checks a log router's own settings.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_FirelensConfiguration.html
func checkFirelens(_ *definition, c *container) error {
	f := c.FirelensConfiguration
	if f == nil {
		return nil
	}
	if f.Type == "" {
		return blank("FirelensConfiguration.type")
	}
	file, hasFile := f.Options["config-file-type"]
	metadata, hasMetadata := f.Options["enable-ecs-log-metadata"]
	switch {
	case hasFile && file != "s3" && file != "file":
		return refuse("Invalid FireLens option config-file-type '%s': it must be 's3' or 'file'.", file)
	case hasFile != (f.Options["config-file-value"] != ""):
		return refuse("The FireLens options config-file-type and config-file-value must be specified together.")
	case file == "s3" && !arn.Is(f.Options["config-file-value"]):
		return refuse("Invalid arn syntax.")
	case hasMetadata && metadata != "true" && metadata != "false":
		return refuse("Invalid FireLens option enable-ecs-log-metadata '%s': it must be 'true' or 'false'.", metadata)
	}
	return nil
}

// checkLogRouter: there is a log router exactly where a container logs to one.
func checkLogRouter(d *definition) error {
	routers := 0
	for _, c := range d.ContainerDefinitions {
		if c.FirelensConfiguration != nil {
			routers++
		}
	}
	routed := d.has(func(c *container) bool { return logsTo(c, types.LogDriverAwsfirelens) })
	switch {
	case routers > 1:
		return refuse("Only one container of a task definition can have a firelensConfiguration.")
	case routers == 1 && !routed:
		return refuse("When a firelensConfiguration object is specified, at least one container has to be configured with the awsfirelens log driver.")
	case routers == 0 && routed:
		return refuse("When awsfirelens log driver is specified in log configuration, a firelens configuration object must be configured in one of the containers.")
	}
	return nil
}

func logsTo(c *container, driver types.LogDriver) bool {
	return c.LogConfiguration != nil && c.LogConfiguration.LogDriver == driver
}
