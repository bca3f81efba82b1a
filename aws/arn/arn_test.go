package arn

import "testing"

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		text string
		want ARN // zero: refused
	}{
		{"arn:aws:ecs:us-east-1:123456789012:cluster/web", ARN{"aws", "ecs", "us-east-1", "123456789012", "cluster/web"}},
		{"arn:aws-cn:iam::123456789012:root", ARN{"aws-cn", "iam", "", "123456789012", "root"}},
		{"arn:aws:s3:::bucket/a:b", ARN{"aws", "s3", "", "", "bucket/a:b"}},
		{"arn:aws:logs:us-east-1:123456789012:log-group:web:*", ARN{"aws", "logs", "us-east-1", "123456789012", "log-group:web:*"}},
		{"arn:aws:ecs:us-east-1:123456789012:", ARN{}},
		{"arn:aws::us-east-1:123456789012:x", ARN{}},
		{"arn::ecs:us-east-1:123456789012:x", ARN{}},
		{"arn:aws:ecs:us-east-1:cluster", ARN{}},
		{"urn:aws:ecs:us-east-1:123456789012:cluster/web", ARN{}},
		{"web", ARN{}},
		{"", ARN{}},
	} {
		got, err := Parse(tc.text)
		if got != tc.want || (err != nil) != (tc.want == ARN{}) {
			t.Errorf("%q: got %+v, %v", tc.text, got, err)
		}
		if err == nil && got.String() != tc.text {
			t.Errorf("%q is written back as %q", tc.text, got)
		}
	}
}

func TestIs(t *testing.T) {
	for text, want := range map[string]bool{"arn:aws:ecs:us-east-1:123456789012:cluster/web": true, "web": false, "arn": false, "": false} {
		if Is(text) != want {
			t.Errorf("%q: got %t", text, !want)
		}
	}
}
