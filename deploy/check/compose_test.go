package check

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const root = "../.."

// secrets are the variables that compose must not start without.
var secrets = map[string]string{ //nolint:gochecknoglobals // constant
	"POSTGRES_PASSWORD":   "p0stgres",
	"REDIS_PASSWORD":      "red1s",
	"STARLANE_KEY_PEPPER": "pepper",
	"STARLANE_MASTER_KEY": "master",
	"STARLANE_JWT_KEY":    "jwt",
}

func load(t *testing.T, env map[string]string) (*types.Project, error) {
	t.Helper()
	var vars []string
	for k, v := range env {
		vars = append(vars, k+"="+v)
	}
	opts, err := cli.NewProjectOptions(
		[]string{filepath.Join(root, "docker-compose.yml")},
		cli.WithEnv(vars), cli.WithProfiles([]string{"*"}), cli.WithResolvedPaths(true),
	)
	if err != nil {
		t.Fatalf("options: %v", err)
	}
	return opts.LoadProject(context.Background())
}

func project(t *testing.T) *types.Project {
	t.Helper()
	p, err := load(t, secrets)
	if err != nil {
		t.Fatalf("docker-compose.yml does not load: %v", err)
	}
	return p
}

func TestComposeHasTheWholeProduct(t *testing.T) {
	p := project(t)
	for _, want := range []string{"postgres", "valkey", "migrate", "api", "relay", "worker", "sim-provider", "sim-stripe"} {
		if _, ok := p.Services[want]; !ok {
			t.Errorf("no service %s", want)
		}
	}
	for _, name := range []string{"sim-provider", "sim-stripe"} {
		if got := p.Services[name].Profiles; !slices.Equal(got, []string{"sim"}) {
			t.Errorf("%s: profiles = %v, want [sim]: simulators run only when asked for", name, got)
		}
	}
}

func TestComposeDemandsEverySecret(t *testing.T) {
	for name := range secrets {
		env := maps.Clone(secrets)
		delete(env, name)
		if _, err := load(t, env); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: error = %v, want one that names it", name, err)
		}
	}
}

func TestComposeHoldsNoSecretItself(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	given := regexp.MustCompile(`(?m)^\s*\w*(PASSWORD|PEPPER|MASTER_KEY|JWT_KEY|STRIPE_KEY|SECRET)\w*:\s*(.*)$`)
	for _, m := range given.FindAllStringSubmatch(string(data), -1) {
		if !strings.HasPrefix(m[2], "${") || regexp.MustCompile(`:-[^}]`).MatchString(m[2]) {
			t.Errorf("%s has a value or a default: %q", m[1], m[2])
		}
	}
}

func TestComposeServicesAreHealthCheckedAndPinned(t *testing.T) {
	for name, s := range project(t).Services {
		if name != "migrate" && (s.HealthCheck == nil || len(s.HealthCheck.Test) == 0) {
			t.Errorf("%s has no health check", name)
		}
		if s.Build == nil && !regexp.MustCompile(`:\d+\.\d+`).MatchString(s.Image) {
			t.Errorf("%s: image %q is not pinned to a minor version", name, s.Image)
		}
		if s.Privileged {
			t.Errorf("%s is privileged", name)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s on %q by default, want 127.0.0.1", name, port.Published, port.HostIP)
			}
		}
		for dep := range s.DependsOn {
			if s.DependsOn[dep].Condition == types.ServiceConditionStarted {
				t.Errorf("%s waits for %s to start, not to work", name, dep)
			}
		}
	}
}

func TestComposeKeepsDataInVolumes(t *testing.T) {
	p := project(t)
	for service, path := range map[string]string{
		"postgres": "/var/lib/postgresql/data", "valkey": "/data", "relay": "/var/lib/starlane", "sim-stripe": "/var/lib/starlane",
	} {
		ok := slices.ContainsFunc(p.Services[service].Volumes, func(v types.ServiceVolumeConfig) bool {
			return v.Type == types.VolumeTypeVolume && v.Target == path
		})
		if !ok {
			t.Errorf("%s keeps %s in no volume", service, path)
		}
	}
}

func TestComposeQueueIsSafe(t *testing.T) {
	command := strings.Join(project(t).Services["valkey"].Command, " ")
	for _, want := range []string{"--appendonly yes", "--maxmemory-policy noeviction", "--requirepass"} {
		if !strings.Contains(command, want) {
			t.Errorf("valkey runs without %s: %s", want, command)
		}
	}
}

func TestComposeRelayKnowsNoDatabase(t *testing.T) {
	for name, value := range project(t).Services["relay"].Environment {
		if name == "DATABASE_URL" || (value != nil && strings.Contains(*value, "postgres:")) {
			t.Errorf("relay is given %s", name)
		}
	}
}

// The names of settings are those of the product, read from the struct's tags so that this module needs none of its packages.
func TestComposeSetsOnlyWhatTheProductReads(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root, "internal/platform/config/config.go"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`env:"(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		known[m[1]] = true
	}
	for name, s := range project(t).Services {
		if s.Build == nil {
			continue
		}
		for setting := range s.Environment {
			if !known[setting] {
				t.Errorf("%s: the product knows no setting %s", name, setting)
			}
		}
	}
}

func TestComposeGivesEachProcessWhatItNeeds(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root, "internal/platform/config/config.go"))
	if err != nil {
		t.Fatal(err)
	}
	services := project(t).Services
	needed := regexp.MustCompile(`env:"(\w+)"[^\n]* roles:"([\w,]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(needed) < 4 {
		t.Fatalf("settings that a process cannot start without = %d: has the struct changed its tags?", len(needed))
	}
	for _, m := range needed {
		for role := range strings.SplitSeq(m[2], ",") {
			for _, service := range map[string][]string{"relay": {"relay"}, "worker": {"worker"}, "api": {"api", "migrate"}}[role] {
				if v := services[service].Environment[m[1]]; v == nil || *v == "" {
					t.Errorf("%s starts without %s", service, m[1])
				}
			}
		}
	}
}

func TestEnvExampleNamesEverySecretWithoutAValue(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "deploy/env.example"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range secrets {
		if !regexp.MustCompile(`(?m)^` + name + `=$`).Match(data) {
			t.Errorf("deploy/env.example has no empty line %s=", name)
		}
	}
}
