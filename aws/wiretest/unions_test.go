package wiretest

import (
	acm "github.com/aws/aws-sdk-go-v2/service/acm/types"
	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	iam "github.com/aws/aws-sdk-go-v2/service/iam/types"
	ssm "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// unionsOf lists the union variants of the services that have any, by signing
// name; TestUnions checks that none is missing. A list moves into its api
// package when that is built.
var unionsOf = map[string][]any{
	"acm": {
		(*acm.AcmCertificateMetadataFilterMemberAcmeAccountId)(nil),
		(*acm.AcmCertificateMetadataFilterMemberAcmeEndpointArn)(nil),
		(*acm.AcmCertificateMetadataFilterMemberCertificateKeyPairOrigin)(nil),
		(*acm.AcmCertificateMetadataFilterMemberExported)(nil),
		(*acm.AcmCertificateMetadataFilterMemberExportOption)(nil),
		(*acm.AcmCertificateMetadataFilterMemberInUse)(nil),
		(*acm.AcmCertificateMetadataFilterMemberManagedBy)(nil),
		(*acm.AcmCertificateMetadataFilterMemberRenewalStatus)(nil),
		(*acm.AcmCertificateMetadataFilterMemberStatus)(nil),
		(*acm.AcmCertificateMetadataFilterMemberType)(nil),
		(*acm.AcmCertificateMetadataFilterMemberValidationMethod)(nil),
		(*acm.CertificateAuthorityMemberPublicCertificateAuthority)(nil),
		(*acm.CertificateFilterMemberAcmCertificateMetadataFilter)(nil),
		(*acm.CertificateFilterMemberCertificateArn)(nil),
		(*acm.CertificateFilterMemberX509AttributeFilter)(nil),
		(*acm.CertificateFilterStatementMemberAnd)(nil),
		(*acm.CertificateFilterStatementMemberFilter)(nil),
		(*acm.CertificateFilterStatementMemberNot)(nil),
		(*acm.CertificateFilterStatementMemberOr)(nil),
		(*acm.CertificateMetadataMemberAcmCertificateMetadata)(nil),
		(*acm.GeneralNameMemberDirectoryName)(nil),
		(*acm.GeneralNameMemberDnsName)(nil),
		(*acm.GeneralNameMemberIpAddress)(nil),
		(*acm.GeneralNameMemberOtherName)(nil),
		(*acm.GeneralNameMemberRegisteredId)(nil),
		(*acm.GeneralNameMemberRfc822Name)(nil),
		(*acm.GeneralNameMemberUniformResourceIdentifier)(nil),
		(*acm.PrevalidationDetailsMemberDnsPrevalidation)(nil),
		(*acm.PrevalidationOptionsMemberDnsPrevalidation)(nil),
		(*acm.SubjectAlternativeNameFilterMemberDnsName)(nil),
		(*acm.SubjectFilterMemberCommonName)(nil),
		(*acm.ValidationChallengeMemberDnsValidationChallenge)(nil),
		(*acm.ValidationChallengeMemberEmailValidationChallenge)(nil),
		(*acm.X509AttributeFilterMemberExtendedKeyUsage)(nil),
		(*acm.X509AttributeFilterMemberKeyAlgorithm)(nil),
		(*acm.X509AttributeFilterMemberKeyUsage)(nil),
		(*acm.X509AttributeFilterMemberNotAfter)(nil),
		(*acm.X509AttributeFilterMemberNotBefore)(nil),
		(*acm.X509AttributeFilterMemberSerialNumber)(nil),
		(*acm.X509AttributeFilterMemberSubject)(nil),
		(*acm.X509AttributeFilterMemberSubjectAlternativeName)(nil),
	},
	"monitoring": {
		(*cloudwatch.EvaluationCriteriaMemberPromQLCriteria)(nil),
		(*cloudwatch.EvaluationWindowMemberSlidingWindow)(nil),
		(*cloudwatch.EvaluationWindowMemberWallClockWindow)(nil),
	},
	"logs": {
		(*logs.IntegrationDetailsMemberOpenSearchIntegrationDetails)(nil),
		(*logs.ResourceConfigMemberOpenSearchResourceConfig)(nil),
	},
	"iam": {
		(*iam.PolicyIdentifierMemberInlinePolicyIdentifier)(nil),
		(*iam.PolicyIdentifierMemberPolicyArn)(nil),
		(*iam.PolicyIdentifierMemberPolicyType)(nil),
	},
	"ssm": {
		(*ssm.CloudConnectorConfigurationMemberAzureConfiguration)(nil),
		(*ssm.ConfigurationTargetsMemberSubscriptions)(nil),
		(*ssm.ExecutionInputsMemberAutomation)(nil),
		(*ssm.ExecutionPreviewMemberAutomation)(nil),
		(*ssm.NodeTypeMemberInstance)(nil),
	},
}
