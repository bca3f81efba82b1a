package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// TestTerraform applies testdata/terraform, changes it, imports it into an empty
// state and destroys it. After each apply another plan finds no difference.
func TestTerraform(t *testing.T) {
	t.Parallel()
	plugins := terraformPlugins(t)
	b := up(t)
	dir, must, steady := terraform(t, b, "testdata/terraform")

	must("initialized", "init", "-plugin-dir="+plugins)
	must("12 added, 0 changed, 0 destroyed", "apply", "-auto-approve")
	steady()
	must("4 added, 6 changed, 4 destroyed", "apply", "-auto-approve", "-var=step=2")
	steady("-var=step=2")

	writeImports(t, dir)
	// The two to change are skip_destroy and track_latest, which nobody but Terraform knows.
	must("12 to import, 0 to add, 2 to change, 0 to destroy", "plan", "-var=step=2", "-state=imported.tfstate")
	if err := os.Remove(filepath.Join(dir, "imports.tf")); err != nil {
		t.Fatal(err)
	}

	must("12 destroyed", "destroy", "-auto-approve", "-var=step=2")
	left, err := b.client().ListClusters(t.Context(), &ecs.ListClustersInput{})
	if err != nil || len(left.ClusterArns) != 0 {
		t.Errorf("clusters after destroy: %v, %v", left, err)
	}
}

// TestTerraformIdentity does the same with roles, parameters and secrets.
func TestTerraformIdentity(t *testing.T) {
	t.Parallel()
	plugins := terraformPlugins(t)
	b := up(t)
	_, must, steady := terraform(t, b, "testdata/terraform-identity")
	must("initialized", "init", "-plugin-dir="+plugins)
	must("9 added, 0 changed, 0 destroyed", "apply", "-auto-approve")
	steady()
	must("1 added, 6 changed, 1 destroyed", "apply", "-auto-approve", "-var=step=2")
	steady("-var=step=2")
	must("9 destroyed", "destroy", "-auto-approve", "-var=step=2")
}

// TestTerraformService does the same with services, whose tasks run.
func TestTerraformService(t *testing.T) {
	t.Parallel()
	plugins := terraformPlugins(t)
	m := upMachine(t, soon...)
	if _, err := m.client().CreateCluster(t.Context(), &ecs.CreateClusterInput{}); err != nil {
		t.Fatal(err)
	}
	_, must, steady := terraform(t, m.berth, "testdata/terraform-service")
	image := "-var=image=" + m.image
	must("initialized", "init", "-plugin-dir="+plugins)
	must("5 added, 0 changed, 0 destroyed", "apply", "-auto-approve", image)
	steady(image)
	must("1 added, 3 changed, 1 destroyed", "apply", "-auto-approve", image, "-var=step=2")
	steady(image, "-var=step=2")
	must("5 destroyed", "destroy", "-auto-approve", image, "-var=step=2")
}

// TestTerraformServiceKinds does the same with services and a task set: they change
// in place, and destroy waits until they are gone.
func TestTerraformServiceKinds(t *testing.T) {
	t.Parallel()
	plugins := terraformPlugins(t)
	b := up(t)
	_, must, steady := terraform(t, b, "testdata/terraform-service-kinds")
	must("initialized", "init", "-plugin-dir="+plugins)
	must("11 added, 0 changed, 0 destroyed", "apply", "-auto-approve")
	steady()
	must("1 added, 7 changed, 1 destroyed", "apply", "-auto-approve", "-var=step=2")
	steady("-var=step=2")
	must("11 destroyed", "destroy", "-auto-approve", "-var=step=2")
}

// terraform copies a configuration into a directory of its own. What must runs
// there has to succeed and to print what is wanted; steady wants a plan that
// finds no difference.
func terraform(t *testing.T, b *berth, source string) (dir string, must func(want string, args ...string), steady func(args ...string)) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, int) {
		t.Helper()
		c := b.command(t, "terraform", append([]string{"-chdir=" + dir}, args...)...)
		c.Env = append(without(c.Env, "TF_"), "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		err := c.Run()
		if _, exited := err.(*exec.ExitError); err != nil && !exited {
			t.Fatal(err)
		}
		return out.String(), c.ProcessState.ExitCode()
	}
	must = func(want string, args ...string) {
		t.Helper()
		out, status := run(append(args, "-no-color")...)
		if status != 0 || !strings.Contains(out, want) {
			t.Fatalf("terraform %s: exit status %d, want 0 and %q\n%s", strings.Join(args, " "), status, want, tail(out, 80))
		}
	}
	steady = func(args ...string) {
		t.Helper()
		if out, status := run(append([]string{"plan", "-no-color", "-detailed-exitcode"}, args...)...); status != 0 {
			t.Errorf("a second plan finds differences (status %d):\n%s", status, tail(out, 120))
		}
	}
	return dir, must, steady
}

// writeImports adds a block for each resource, which finds it by the id that
// the provider's documentation gives it.
func writeImports(t *testing.T, dir string) {
	t.Helper()
	definition := here + "task-definition/"
	var blocks strings.Builder
	for _, i := range [][2]string{
		{"cloudwatch_log_group.web", "/ecs/web"},
		{"ecs_account_setting_default.insights", "containerInsights"},
		{"ecs_capacity_provider.blue", "blue"},
		{"ecs_capacity_provider.plain", "plain"},
		{"ecs_cluster.plain", "plain-2"},
		{"ecs_cluster.web", "web"},
		{"ecs_cluster_capacity_providers.web", "web"},
		{"ecs_tag.cost", here + "capacity-provider/blue,cost"},
		{"ecs_task_definition.ec2", definition + "ec2:2"},
		{"ecs_task_definition.fargate", definition + "fargate:2"},
		{"ecs_task_definition.plain", definition + "plain:2"},
		{"ecs_task_definition.windows", definition + "windows:1"},
	} {
		fmt.Fprintf(&blocks, "import {\n  to = aws_%s\n  id = %q\n}\n", i[0], i[1])
	}
	if err := os.WriteFile(filepath.Join(dir, "imports.tf"), []byte(blocks.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// terraformPlugins is a local mirror that has the AWS provider: the directory
// in BERTH_TEST_TF_PLUGINS, one where Terraform itself looks, or one below /opt.
//
// https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
func terraformPlugins(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("terraform is not installed")
	}
	home, _ := os.UserHomeDir()
	places := []string{os.Getenv("BERTH_TEST_TF_PLUGINS"), home + "/.terraform.d/plugins",
		"/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins"}
	below, _ := filepath.Glob("/opt/*")
	for _, place := range append(places, below...) {
		if found, _ := filepath.Glob(filepath.Join(place, "registry.terraform.io/hashicorp/aws/*")); len(found) > 0 {
			return place
		}
	}
	t.Skip("no local mirror of Terraform's AWS provider: set BERTH_TEST_TF_PLUGINS to a directory that has registry.terraform.io/hashicorp/aws")
	return ""
}
