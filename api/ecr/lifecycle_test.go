package ecr

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/registry"
)

// aged reads "name:days:tag,tag …": how old each is, the oldest first.
func aged(text string, now time.Time) (images []registry.Image) {
	for _, part := range strings.Fields(text) {
		fields := strings.Split(part, ":")
		var days int
		fmt.Sscan(fields[1], &days)
		i := registry.Image{Digest: fields[0], PushedAt: now.AddDate(0, 0, -days).Add(-time.Minute)}
		if fields[2] != "" {
			i.Tags = strings.Split(fields[2], ",")
		}
		images = append(images, i)
	}
	return images
}

func ruleOf(priority int, selection string) string {
	return fmt.Sprintf(`{"rulePriority": %d, "selection": {%s}, "action": {"type": "expire"}}`, priority, selection)
}

func TestExpired(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	count := func(status string, n int) string {
		return fmt.Sprintf(`"tagStatus": %q, "countType": "imageCountMoreThan", "countNumber": %d`, status, n)
	}
	days := func(status string, n int) string {
		return fmt.Sprintf(`"tagStatus": %q, "countType": "sinceImagePushed", "countUnit": "days", "countNumber": %d`, status, n)
	}
	for _, tc := range []struct{ name, rules, images, want string }{
		{"keeps the newest", ruleOf(1, count("any", 2)), "a:9:v1 b:8:v2 c:7:v3", "a"},
		{"removes old ones", ruleOf(1, days("untagged", 7)), "a:9: b:8:v2 c:7: d:6:", "a c"},
		{"an image belongs to the first rule that selects it", ruleOf(1, count("untagged", 1)) + "," + ruleOf(2, count("any", 1)), "a:9: b:8: c:7:v1 d:6:v2", "a c"},
		{"by prefix", ruleOf(1, count("tagged", 1)+`, "tagPrefixList": ["prod"]`), "a:9:prod1 b:8:dev1 c:7:prod2,dev2", "a"},
		{"each of the patterns must match", ruleOf(1, count("tagged", 1)+`, "tagPatternList": ["*-a", "x*"]`), "a:9:1-a b:8:1-a,x1 c:7:x2,2-a", "b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := parseLifecycle(`{"rules": [` + tc.rules + `]}`)
			if err != nil {
				t.Fatal(err)
			}
			got := p.expired(aged(tc.images, now), now)
			if slices.Sort(got); strings.Join(got, " ") != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// What a list of images names stays while the list does.
func TestExpiredKeepsParts(t *testing.T) {
	p, err := parseLifecycle(`{"rules": [` + ruleOf(1, `"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1`) + `]}`)
	if err != nil {
		t.Fatal(err)
	}
	images := []registry.Image{{Digest: "amd64"}, {Digest: "arm64"}, {Digest: "list", Tags: []string{"v1"}, List: true, Parts: []string{"amd64", "arm64"}}}
	if got := p.expired(images, time.Now()); len(got) > 0 {
		t.Errorf("%v expired", got)
	}
}

func TestLifecycleRefused(t *testing.T) {
	for _, tc := range []struct{ policy, want string }{
		{`{`, "unexpected end"},
		{`{"rules": []}`, "1 to 50 rules"},
		{`{"rules": [` + ruleOf(0, `"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1`) + `]}`, "rulePriority"},
		{`{"rules": [` + ruleOf(1, `"tagStatus": "some"`) + `]}`, "tagStatus"},
		{`{"rules": [` + ruleOf(1, `"tagStatus": "tagged", "countType": "imageCountMoreThan", "countNumber": 1`) + `]}`, "tagPrefixList"},
		{`{"rules": [` + ruleOf(1, `"tagStatus": "any", "countType": "sinceImagePushed", "countNumber": 1`) + `]}`, "countUnit"},
		{`{"rules": [` + ruleOf(1, `"tagStatus": "any", "countType": "imageCountMoreThan"`) + `]}`, "countNumber"},
	} {
		if _, err := parseLifecycle(tc.policy); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want a word of %s", tc.policy, err, tc.want)
		}
	}
}
