package ecs

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/arn"
)

// newManagedInstances checks a user's provider and fills in its defaults.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateManagedInstancesProviderConfiguration.html
func newManagedInstances(in *types.CreateManagedInstancesProviderConfiguration) (*types.ManagedInstancesProvider, error) {
	p := &types.ManagedInstancesProvider{InfrastructureRoleArn: in.InfrastructureRoleArn, PropagateTags: in.PropagateTags,
		InfrastructureOptimization: in.InfrastructureOptimization, AutoRepairConfiguration: in.AutoRepairConfiguration}
	if in.InstanceLaunchTemplate != nil {
		template := *in.InstanceLaunchTemplate
		template.CapacityOptionType = cmp.Or(template.CapacityOptionType, types.CapacityOptionTypeOnDemand)
		p.InstanceLaunchTemplate = &template
	}
	return p, checkManagedInstances(p)
}

// changedManagedInstances is a provider with the members that change gives.
func changedManagedInstances(p types.ManagedInstancesProvider, change *types.UpdateManagedInstancesProviderConfiguration) (*types.ManagedInstancesProvider, error) {
	if change.InfrastructureRoleArn == nil || change.InstanceLaunchTemplate == nil {
		return nil, invalid("managedInstancesProvider must have an infrastructureRoleArn and an instanceLaunchTemplate.")
	}
	p.InfrastructureRoleArn = change.InfrastructureRoleArn
	p.PropagateTags = cmp.Or(change.PropagateTags, p.PropagateTags)
	p.InfrastructureOptimization = cmp.Or(change.InfrastructureOptimization, p.InfrastructureOptimization)
	p.AutoRepairConfiguration = cmp.Or(change.AutoRepairConfiguration, p.AutoRepairConfiguration)

	template, given := *p.InstanceLaunchTemplate, change.InstanceLaunchTemplate
	template.Ec2InstanceProfileArn = cmp.Or(given.Ec2InstanceProfileArn, template.Ec2InstanceProfileArn)
	template.NetworkConfiguration = cmp.Or(given.NetworkConfiguration, template.NetworkConfiguration)
	template.StorageConfiguration = cmp.Or(given.StorageConfiguration, template.StorageConfiguration)
	template.LocalStorageConfiguration = cmp.Or(given.LocalStorageConfiguration, template.LocalStorageConfiguration)
	template.Monitoring = cmp.Or(given.Monitoring, template.Monitoring)
	template.InstanceMetadataTagsPropagation = cmp.Or(given.InstanceMetadataTagsPropagation, template.InstanceMetadataTagsPropagation)
	template.InstanceRequirements = cmp.Or(given.InstanceRequirements, template.InstanceRequirements)
	template.CapacityReservations = cmp.Or(given.CapacityReservations, template.CapacityReservations)
	p.InstanceLaunchTemplate = &template
	return &p, checkManagedInstances(&p)
}

func checkManagedInstances(p *types.ManagedInstancesProvider) error {
	template := p.InstanceLaunchTemplate
	if template == nil {
		return invalid("managedInstancesProvider.instanceLaunchTemplate is required.")
	}
	if o := p.InfrastructureOptimization; o != nil && o.ScaleInAfter != nil && (*o.ScaleInAfter < -1 || *o.ScaleInAfter > 3600) {
		return invalid("infrastructureOptimization.scaleInAfter must be between 0 and 3600, or -1 for never.")
	}
	if n := template.NetworkConfiguration; n == nil || len(n.Subnets) == 0 {
		return invalid("instanceLaunchTemplate.networkConfiguration.subnets can not be empty.")
	}
	if s := template.StorageConfiguration; s != nil && s.StorageSizeGiB != nil && *s.StorageSizeGiB < 1 {
		return invalid("instanceLaunchTemplate.storageConfiguration.storageSizeGiB must be at least 1.")
	}
	if r := template.CapacityReservations; r != nil && r.ReservationGroupArn != nil {
		if _, err := arn.Parse(*r.ReservationGroupArn); err != nil {
			return invalid("instanceLaunchTemplate.capacityReservations.reservationGroupArn: " + err.Error())
		}
	}
	return cmp.Or(
		checkIAM("infrastructureRoleArn", p.InfrastructureRoleArn, "role/"),
		checkIAM("instanceLaunchTemplate.ec2InstanceProfileArn", template.Ec2InstanceProfileArn, "instance-profile/"),
		checkRequirements(template.InstanceRequirements))
}

// checkIAM checks that a member holds the ARN of an IAM resource of some kind.
func checkIAM(member string, value *string, kind string) error {
	if id, err := arn.Parse(aws.ToString(value)); err != nil || id.Service != "iam" || !strings.HasPrefix(id.Resource, kind) {
		return invalid(fmt.Sprintf("%s must be an ARN such as arn:aws:iam::123456789012:%sname.", member, kind))
	}
	return nil
}

// instanceType is a name such as m5.large or a pattern such as c5*.
var instanceType = regexp.MustCompile(`^[a-zA-Z0-9.*-]{1,30}$`)

// checkRequirements checks what instances must have to be picked.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_InstanceRequirementsRequest.html
func checkRequirements(r *types.InstanceRequirementsRequest) error {
	if r == nil {
		return nil
	}
	const where = "instanceRequirements."
	switch {
	case r.VCpuCount == nil || r.VCpuCount.Min == nil:
		return invalid(where + "vCpuCount.min is required.")
	case r.MemoryMiB == nil || r.MemoryMiB.Min == nil:
		return invalid(where + "memoryMiB.min is required.")
	case len(r.AllowedInstanceTypes) > 0 && len(r.ExcludedInstanceTypes) > 0:
		return invalid(where + "allowedInstanceTypes and excludedInstanceTypes can not be specified together.")
	case r.MaxSpotPriceAsPercentageOfOptimalOnDemandPrice != nil && r.SpotMaxPricePercentageOverLowestPrice != nil:
		return invalid(where + "maxSpotPriceAsPercentageOfOptimalOnDemandPrice and spotMaxPricePercentageOverLowestPrice can not be specified together.")
	}
	for member, names := range map[string][]string{"allowedInstanceTypes": r.AllowedInstanceTypes, "excludedInstanceTypes": r.ExcludedInstanceTypes} {
		if len(names) > 400 {
			return invalid(where + member + " can have at most 400 members.")
		}
		for _, name := range names {
			if !instanceType.MatchString(name) {
				return invalid(fmt.Sprintf("%s%s: %q is not an instance type or pattern.", where, member, name))
			}
		}
	}
	v := reflect.ValueOf(*r)
	for i := range v.NumField() {
		if err := checkBounds(join("instanceRequirements", v.Type().Field(i).Name), v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

// checkBounds checks a requirement that is a number, or a range from Min to Max:
// none is negative and Max is not below Min.
func checkBounds(member string, v reflect.Value) error {
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return nil
	}
	if v = v.Elem(); v.Kind() != reflect.Struct {
		if n, ok := number(v); ok && n < 0 {
			return invalid(member + " must not be negative.")
		}
		return nil
	}
	low, high := v.FieldByName("Min"), v.FieldByName("Max")
	if err := cmp.Or(checkBounds(member+".min", low), checkBounds(member+".max", high)); err != nil {
		return err
	}
	if !low.IsNil() && !high.IsNil() {
		least, _ := number(low.Elem())
		if most, _ := number(high.Elem()); most < least {
			return invalid(member + ".max must not be less than its min.")
		}
	}
	return nil
}

func number(v reflect.Value) (float64, bool) {
	switch {
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanFloat():
		return v.Float(), true
	}
	return 0, false
}
