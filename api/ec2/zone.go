package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// DescribeAvailabilityZonesInput names zones, or filters them.
type DescribeAvailabilityZonesInput struct {
	AllAvailabilityZones, DryRun *bool
	Filters                      []Filter `ec2:"Filter"`
	ZoneIds                      []string `ec2:"ZoneId"`
	ZoneNames                    []string `ec2:"ZoneName"`
}

// DescribeAvailabilityZonesOutput has the zones.
type DescribeAvailabilityZonesOutput struct {
	AvailabilityZones []AvailabilityZone `ec2:",availabilityZoneInfo"`
}

// AvailabilityZone is a zone of the region.
type AvailabilityZone struct {
	GroupName, NetworkBorderGroup, OptInStatus, RegionName, ZoneId, ZoneName, ZoneType *string
	State                                                                              *string                   `ec2:",zoneState"`
	Messages                                                                           []AvailabilityZoneMessage `ec2:",messageSet"`
}

// AvailabilityZoneMessage would be news about a zone.
type AvailabilityZoneMessage struct{ Message *string }

// DescribeAvailabilityZones describes the zones of the region: those that the
// default VPC has subnets in.
func (a *API) DescribeAvailabilityZones(_ context.Context, in *DescribeAvailabilityZonesInput) (*DescribeAvailabilityZonesOutput, error) {
	var zones []string
	for _, s := range a.network().Subnets {
		zones = append(zones, s.Zone)
	}
	filters := in.Filters
	if len(in.ZoneIds) > 0 {
		filters = append(filters, Filter{aws.String("zone-id"), in.ZoneIds})
	}
	page, _, err := selected(list{ids: in.ZoneNames, filters: filters, dryRun: in.DryRun}, zones,
		func(zone string) string { return zone },
		func(zone string) error {
			return failure("InvalidParameterValue", "Invalid availability zone: [%s]", zone)
		},
		func(zone string) fields {
			return fields{"zone-name": {zone}, "zone-id": {zoneID(zone)}, "region-name": {a.region}, "state": {"available"},
				"zone-type": {"availability-zone"}, "opt-in-status": {"opt-in-not-required"}, "group-name": {a.region}}
		})
	if err != nil {
		return nil, err
	}
	out := &DescribeAvailabilityZonesOutput{AvailabilityZones: []AvailabilityZone{}}
	for _, zone := range page {
		out.AvailabilityZones = append(out.AvailabilityZones, AvailabilityZone{
			GroupName: &a.region, NetworkBorderGroup: &a.region, OptInStatus: aws.String("opt-in-not-required"), RegionName: &a.region,
			ZoneId: aws.String(zoneID(zone)), ZoneName: &zone, ZoneType: aws.String("availability-zone"),
			State: aws.String("available"), Messages: []AvailabilityZoneMessage{},
		})
	}
	return out, nil
}

// DescribeRegionsInput names regions, or filters them.
type DescribeRegionsInput struct {
	AllRegions, DryRun *bool
	Filters            []Filter `ec2:"Filter"`
	RegionNames        []string `ec2:"RegionName"`
}

// DescribeRegionsOutput has the regions.
type DescribeRegionsOutput struct {
	Regions []Region `ec2:",regionInfo"`
}

// Region is a region.
type Region struct {
	Endpoint                *string `ec2:",regionEndpoint"`
	OptInStatus, RegionName *string
}

// DescribeRegions describes the one region that there is.
func (a *API) DescribeRegions(_ context.Context, in *DescribeRegionsInput) (*DescribeRegionsOutput, error) {
	endpoint := "ec2." + a.region + ".amazonaws.com"
	page, _, err := selected(list{ids: in.RegionNames, filters: in.Filters, dryRun: in.DryRun}, []string{a.region},
		func(region string) string { return region },
		func(region string) error {
			return failure("InvalidParameterValue", "Invalid region provided: %s", region)
		},
		func(region string) fields {
			return fields{"region-name": {region}, "endpoint": {endpoint}, "opt-in-status": {"opt-in-not-required"}}
		})
	if err != nil {
		return nil, err
	}
	out := &DescribeRegionsOutput{Regions: []Region{}}
	for _, region := range page {
		out.Regions = append(out.Regions, Region{&endpoint, aws.String("opt-in-not-required"), &region})
	}
	return out, nil
}
