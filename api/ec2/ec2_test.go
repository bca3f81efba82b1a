package ec2

import (
	"bytes"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"berth/aws/shape"
	"berth/state"
)

// testAPI has one network interface.
func testAPI(t *testing.T) *API {
	a := New(Config{Store: state.NewMemory(), Region: "us-east-1", Account: "123456789012"})
	err := a.store.Update(t.Context(), func(tx *state.Tx) error {
		tx.NetworkInterfaces.Put(tx, state.NetworkInterface{ID: "eni-1", Subnet: a.network().Subnets[1].ID, Address: "10.210.16.9",
			MAC: "0a:00:00:00:00:01", SecurityGroups: []string{a.network().SecurityGroup.ID}, Task: "t", Attachment: "x"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// ask sends one request, a form, and returns the answer's XML, or the error.
func ask(t *testing.T, a *API, operation, form string) string {
	t.Helper()
	n := a.network()
	form = strings.NewReplacer("VPC", n.VPC.ID, "SUBNETA", n.Subnets[0].ID, "SUBNETB", n.Subnets[1].ID, "GROUP", n.SecurityGroup.ID).Replace(form)
	values, err := url.ParseQuery(form)
	if err != nil {
		t.Fatal(err)
	}
	codec := shape.New(shape.Names{})
	method := reflect.ValueOf(a).MethodByName(operation)
	in := reflect.New(method.Type().In(1).Elem())
	if _, err := codec.DecodeEC2Query(values, in.Interface()); err != nil {
		t.Fatal(err)
	}
	out := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
	if err, _ := out[1].Interface().(error); err != nil {
		var modelled smithy.APIError
		if !errors.As(err, &modelled) {
			t.Fatal(err)
		}
		return modelled.ErrorCode() + ": " + modelled.ErrorMessage()
	}
	var answer bytes.Buffer
	if err := codec.EncodeEC2XML(&answer, out[0].Interface()); err != nil {
		t.Fatal(err)
	}
	text := answer.String()
	for id, name := range map[string]string{n.VPC.ID: "VPC", n.Subnets[0].ID: "SUBNETA", n.Subnets[1].ID: "SUBNETB", n.SecurityGroup.ID: "GROUP"} {
		text = strings.ReplaceAll(text, id, name)
	}
	return text
}

func TestDescribe(t *testing.T) {
	a := testAPI(t)
	for _, tc := range []struct{ operation, form, want string }{
		{"DescribeVpcs", "", "<vpcId>VPC</vpcId>"},
		{"DescribeVpcs", "Filter.1.Name=is-default&Filter.1.Value.1=true", "<cidrBlock>10.210.0.0/16</cidrBlock>"},
		{"DescribeVpcs", "Filter.1.Name=isDefault&Filter.1.Value.1=false", "<vpcSet></vpcSet>"},
		{"DescribeVpcs", "Filter.1.Name=tag:Name&Filter.1.Value.1=*", "<vpcSet></vpcSet>"},
		{"DescribeVpcs", "VpcId.1=vpc-1", "InvalidVpcID.NotFound: The vpc ID 'vpc-1' does not exist"},
		{"DescribeVpcs", "Filter.1.Name=colour&Filter.1.Value.1=x", "InvalidParameterValue: The filter 'colour' is invalid"},
		{"DescribeVpcs", "DryRun=true", "DryRunOperation: Request would have succeeded, but DryRun flag is set."},
		{"DescribeVpcAttribute", "VpcId=VPC&Attribute=enableDnsSupport", "<enableDnsSupport><value>true</value></enableDnsSupport>"},
		{"DescribeVpcAttribute", "VpcId=VPC&Attribute=x", "InvalidParameterValue: Value (x) for parameter attribute is invalid."},
		{"DescribeSubnets", "SubnetId.1=SUBNETB", "<availabilityZone>us-east-1b</availabilityZone><availabilityZoneId>use1-az2</availabilityZoneId><cidrBlock>10.210.16.0/20</cidrBlock>"},
		{"DescribeSubnets", "SubnetId.1=SUBNETB", "<availableIpAddressCount>4090</availableIpAddressCount>"},
		{"DescribeSubnets", "SubnetId.1=SUBNETA", "<availableIpAddressCount>4091</availableIpAddressCount>"},
		{"DescribeSubnets", "SubnetId.1=subnet-1", "InvalidSubnetID.NotFound: The subnet ID 'subnet-1' does not exist"},
		{"DescribeSecurityGroups", "GroupName.1=default", "<groupId>GROUP</groupId>"},
		{"DescribeSecurityGroups", "GroupName.1=web", "InvalidGroup.NotFound: The security group 'web' does not exist in default VPC 'vpc-"},
		{"DescribeNetworkInterfaces", "NetworkInterfaceId.1=eni-1", "<privateIpAddress>10.210.16.9</privateIpAddress>"},
		{"DescribeNetworkInterfaces", "Filter.1.Name=subnet-id&Filter.1.Value.1=SUBNETA", "<networkInterfaceSet></networkInterfaceSet>"},
		{"DescribeNetworkInterfaces", "Filter.1.Name=private-ip-address&Filter.1.Value.1=10.210.*&Filter.2.Name=mac-address&Filter.2.Value.1=0a:00:00:00:00:0%3F", "<groupSet><item><groupId>GROUP</groupId><groupName>default</groupName></item></groupSet>"},
		{"DescribeNetworkInterfaces", "NetworkInterfaceId.1=eni-2", "InvalidNetworkInterfaceID.NotFound: The networkInterface ID 'eni-2' does not exist"},
		{"DescribeAvailabilityZones", "ZoneId.1=use1-az3", "<zoneName>us-east-1c</zoneName>"},
		{"DescribeRegions", "", "<regionName>us-east-1</regionName>"},
		{"DescribeRegions", "RegionName.1=moon", "InvalidParameterValue: Invalid region provided: moon"},
	} {
		if got := ask(t, a, tc.operation, tc.form); !strings.Contains(got, tc.want) {
			t.Errorf("%s %s\ngot  %s\nwant %s", tc.operation, tc.form, got, tc.want)
		}
	}
	if got := ask(t, a, "DescribeSubnets", "Filter.1.Name=default-for-az&Filter.1.Value.1=true"); strings.Count(got, "<subnetId>") != 3 {
		t.Errorf("got %s, want three subnets", got)
	}
}

func TestPages(t *testing.T) {
	var all []string
	for c := 'a'; c <= 'm'; c++ {
		all = append(all, string(c))
	}
	most := int32(5)
	self := func(s string) string { return s }
	var got []string
	var next *string
	for range 3 {
		page, token, err := selected(list{maxResults: &most, nextToken: next}, all, self, nil, func(string) fields { return nil })
		if err != nil {
			t.Fatal(err)
		}
		got, next = append(append(got, page...), "|"), token
	}
	if text := strings.Join(got, ""); text != "abcde|fghij|klm|" || next != nil {
		t.Errorf("got %s", text)
	}
}

func TestZoneID(t *testing.T) {
	for zone, want := range map[string]string{"us-east-1a": "use1-az1", "eu-central-1b": "euc1-az2", "ap-southeast-2c": "apse2-az3", "us-gov-west-1a": "usgw1-az1"} {
		if got := zoneID(zone); got != want {
			t.Errorf("%s: got %s, want %s", zone, got, want)
		}
	}
}
