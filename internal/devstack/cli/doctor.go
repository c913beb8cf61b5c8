package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"starlane/internal/devstack/pgserver"
	"starlane/internal/devstack/redisserver"
	"starlane/internal/devstack/stack"
	"starlane/internal/devstack/toolcache"
)

// Levels of a finding. A warning does not change the exit code.
const (
	levelOK      = "ok"
	levelWarning = "warning"
	levelFault   = "fault"
)

const (
	diskNeeded   = 2 << 30 // bytes; a build and a small ledger
	diskSpare    = 5 << 30
	skewAllowed  = 2 * time.Second
	spoolWarning = 256 << 20 // bytes
)

// finding is the result of one check: what was looked at, how it is, and for a fault what to do.
type finding struct {
	Check  string `json:"check"`
	Level  string `json:"level"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"`
}

func okay(check, detail string) finding { return finding{Check: check, Level: levelOK, Detail: detail} }

func fault(check, detail, fix string) finding {
	return finding{Check: check, Level: levelFault, Detail: detail, Fix: fix}
}

func warning(check, detail, fix string) finding {
	return finding{Check: check, Level: levelWarning, Detail: detail, Fix: fix}
}

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look for everything that could go wrong on this machine and in the running stack",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := a.examine(cmd.Context())
			faults := 0
			for _, f := range findings {
				if f.Level == levelFault {
					faults++
				}
			}
			if a.asJSON {
				if err := a.print(map[string]any{"ok": faults == 0, "findings": findings}, ""); err != nil {
					return err
				}
			} else if err := a.printFindings(findings); err != nil {
				return err
			}
			if faults > 0 {
				return errSilent
			}
			return nil
		},
	}
}

func (a *app) printFindings(findings []finding) error {
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	for _, f := range findings {
		mark := map[string]string{levelOK: "ok", levelWarning: "WARN", levelFault: "FAULT"}[f.Level]
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", mark, f.Check, f.Detail)
		if f.Fix != "" {
			_, _ = fmt.Fprintf(w, "\t\t→ %s\n", f.Fix)
		}
	}
	return w.Flush()
}

func (a *app) examine(ctx context.Context) []finding {
	dir, checkout, err := a.data()
	if err != nil {
		return []finding{fault("checkout", err.Error(), "run it inside the checkout, or name a --data-dir")}
	}
	run, running := dir.Running()
	findings := machineTools(ctx, checkout)
	findings = append(findings, disk(dir), storesOnMachine(ctx, dir, "postgres"), storesOnMachine(ctx, dir, "redis"), a.ports(ctx, run, running))
	if !running {
		if os.Getenv("DATABASE_URL") == "" && os.Getenv("REDIS_URL") == "" {
			return append(findings, okay("stack", "not running in "+dir.Root))
		}
	} else {
		findings = append(findings, serviceFindings(ctx, run)...)
	}
	findings = append(findings, a.databaseFindings(ctx)...)
	findings = append(findings, redisFindings(ctx, run)...)
	return append(findings, spool(dir))
}

func machineTools(ctx context.Context, checkout string) []finding {
	var out []finding
	version, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	switch v := strings.TrimPrefix(strings.TrimSpace(string(version)), "go"); {
	case err != nil:
		out = append(out, fault("go", "not found", "install Go 1.26 or newer: https://go.dev/dl"))
	case olderThan(v, 1, 26):
		out = append(out, fault("go", v+" is too old", "install Go 1.26 or newer: https://go.dev/dl"))
	default:
		out = append(out, okay("go", v))
	}
	if checkout == "" {
		return out
	}
	version, err = exec.CommandContext(ctx, "node", "--version").Output()
	_, npmErr := exec.LookPath("npm")
	switch v := strings.TrimPrefix(strings.TrimSpace(string(version)), "v"); {
	case err != nil || npmErr != nil:
		out = append(out, warning("node", "node or npm not found", "the console cannot be built; install Node 20 with npm"))
	case olderThan(v, 20, 19):
		out = append(out, warning("node", v+" is too old for the console", "install Node 20.19 or newer"))
	default:
		out = append(out, okay("node", v))
	}
	return out
}

func olderThan(version string, major, minor int) bool {
	var ma, mi int
	if _, err := fmt.Sscanf(version, "%d.%d", &ma, &mi); err != nil {
		return false // a development version
	}
	return ma < major || (ma == major && mi < minor)
}

func disk(dir stack.DataDir) finding {
	at := dir.Root
	var st syscall.Statfs_t
	for syscall.Statfs(at, &st) != nil && at != filepath.Dir(at) {
		at = filepath.Dir(at)
	}
	free := int64(st.Bavail) * int64(st.Bsize) // the types differ between systems; no disk has 8 EiB
	text := fmt.Sprintf("%.1f GB free at %s", float64(free)/1e9, at)
	switch {
	case free < diskNeeded:
		return fault("disk", text, "free at least 2 GB: a full disk stops the relay's usage log and with it the relay")
	case free < diskSpare:
		return warning("disk", text, "")
	}
	return okay("disk", text)
}

// storesOnMachine tells where Postgres or Redis would come from; it fetches nothing.
func storesOnMachine(ctx context.Context, dir stack.DataDir, name string) finding {
	variable := map[string]string{"postgres": "DATABASE_URL", "redis": "REDIS_URL"}[name]
	if os.Getenv(variable) != "" {
		return okay(name, "given by "+variable)
	}
	cache, err := toolcache.Dir("starlane")
	if err != nil {
		return fault(name, err.Error(), "")
	}
	var detail string
	if name == "postgres" {
		var b pgserver.Binaries
		b, err = pgserver.Finder{Cache: cache}.Find(ctx, pgserver.DataMajor(dir.Path("postgres")))
		detail = b.Version + " from " + b.Source
		if err == nil {
			detail += ", " + b.Dir
		}
	} else {
		var b redisserver.Binary
		b, err = redisserver.Finder{Cache: cache}.Find(ctx)
		detail = b.Version + " from " + b.Source + ", " + b.Path
	}
	switch {
	case err == nil:
		return okay(name, detail)
	case errors.Is(err, pgserver.ErrNotFound) && strings.Contains(err.Error(), "--reset"):
		return fault(name, err.Error(), "")
	case errors.Is(err, pgserver.ErrNotFound), errors.Is(err, redisserver.ErrNotFound):
		return okay(name, "none on this machine; `starlane up` will fetch one")
	}
	return fault(name, err.Error(), "")
}

func (a *app) ports(ctx context.Context, run stack.Run, running bool) finding {
	if running {
		return okay("ports", fmt.Sprintf("%d and the following are used by this stack", run.PortBase))
	}
	base, err := portBase(0)
	if err == nil {
		err = stack.Ports{Base: base}.Check(ctx, "127.0.0.1", 0)
	}
	if err != nil {
		return fault("ports", strings.ReplaceAll(err.Error(), "\n", "; "), "")
	}
	return okay("ports", fmt.Sprintf("%d to %d are free", base, base+12))
}

func serviceFindings(ctx context.Context, run stack.Run) []finding {
	var out []finding
	for _, s := range run.Health(ctx) {
		if s.OK {
			out = append(out, okay(s.Name, fmt.Sprintf("%s, pid %d", s.State, s.PID)))
			continue
		}
		out = append(out, fault(s.Name, s.State, "starlane logs "+s.Name))
	}
	return out
}

// spool adds up the relay's usage log: it grows while Redis or the worker is away.
func spool(dir stack.DataDir) finding {
	var size int64
	err := filepath.WalkDir(dir.Path("spool"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault("spool", err.Error(), "")
	}
	text := fmt.Sprintf("%.1f MB of usage events on disk", float64(size)/1e6)
	if size > spoolWarning {
		return warning("spool", text, "the worker does not keep up, or Redis is away: starlane logs worker")
	}
	return okay("spool", text)
}
