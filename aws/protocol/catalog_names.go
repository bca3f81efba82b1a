package protocol

// The members whose names no rule gives, by struct and field of the SDK.

// ecsParameterNames are the members that EventBridge and its scheduler took
// over from ECS with ECS's spelling.
var ecsParameterNames = map[string]string{
	"CapacityProviderStrategyItem.Base":             "base",
	"CapacityProviderStrategyItem.CapacityProvider": "capacityProvider",
	"CapacityProviderStrategyItem.Weight":           "weight",
	"NetworkConfiguration.AwsvpcConfiguration":      "awsvpcConfiguration",
	"PlacementConstraint.Expression":                "expression",
	"PlacementConstraint.Type":                      "type",
	"PlacementStrategy.Field":                       "field",
	"PlacementStrategy.Type":                        "type",
}

// acmNames are those that ACM spells unlike its others.
var acmNames = map[string]string{
	"Filters.ExportOption":      "exportOption",
	"Filters.ExtendedKeyUsage":  "extendedKeyUsage",
	"Filters.KeyTypes":          "keyTypes",
	"Filters.KeyUsage":          "keyUsage",
	"Filters.ManagedBy":         "managedBy",
	"ThrottlingReason.Reason":   "reason",
	"ThrottlingReason.Resource": "resource",
}

// codedeployNames are those that CodeDeploy spells unlike its others.
var codedeployNames = map[string]string{
	"DeploymentOverview.Failed":            "Failed",
	"DeploymentOverview.InProgress":        "InProgress",
	"DeploymentOverview.Pending":           "Pending",
	"DeploymentOverview.Ready":             "Ready",
	"DeploymentOverview.Skipped":           "Skipped",
	"DeploymentOverview.Succeeded":         "Succeeded",
	"EC2TagFilter.Key":                     "Key",
	"EC2TagFilter.Type":                    "Type",
	"EC2TagFilter.Value":                   "Value",
	"ListTagsForResourceInput.NextToken":   "NextToken",
	"ListTagsForResourceInput.ResourceArn": "ResourceArn",
	"ListTagsForResourceOutput.NextToken":  "NextToken",
	"ListTagsForResourceOutput.Tags":       "Tags",
	"Tag.Key":                              "Key",
	"Tag.Value":                            "Value",
	"TagFilter.Key":                        "Key",
	"TagFilter.Type":                       "Type",
	"TagFilter.Value":                      "Value",
	"TagResourceInput.ResourceArn":         "ResourceArn",
	"TagResourceInput.Tags":                "Tags",
	"UntagResourceInput.ResourceArn":       "ResourceArn",
	"UntagResourceInput.TagKeys":           "TagKeys",
}

// snsNames are those that SNS spells unlike its others.
var snsNames = map[string]string{
	"CheckIfPhoneNumberIsOptedOutInput.PhoneNumber": "phoneNumber",
	"CheckIfPhoneNumberIsOptedOutOutput.IsOptedOut": "isOptedOut",
	"GetSMSAttributesInput.Attributes":              "attributes",
	"GetSMSAttributesOutput.Attributes":             "attributes",
	"ListPhoneNumbersOptedOutInput.NextToken":       "nextToken",
	"ListPhoneNumbersOptedOutOutput.NextToken":      "nextToken",
	"ListPhoneNumbersOptedOutOutput.PhoneNumbers":   "phoneNumbers",
	"OptInPhoneNumberInput.PhoneNumber":             "phoneNumber",
	"SetSMSAttributesInput.Attributes":              "attributes",
}

// ssmNames are those that Systems Manager spells unlike its others.
var ssmNames = map[string]string{
	"AssociationFilter.Key":              "key",
	"AssociationFilter.Value":            "value",
	"CommandFilter.Key":                  "key",
	"CommandFilter.Value":                "value",
	"DocumentFilter.Key":                 "key",
	"DocumentFilter.Value":               "value",
	"InstanceInformationFilter.Key":      "key",
	"InstanceInformationFilter.ValueSet": "valueSet",
	"InstancePropertyFilter.Key":         "key",
	"InstancePropertyFilter.ValueSet":    "valueSet",
	"SessionFilter.Key":                  "key",
	"SessionFilter.Value":                "value",
}
