package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sort"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"starlane/internal/devstack/proc"
	"starlane/internal/devstack/stack"
)

// stopMayTake is longer than the stack's own longest stop.
const stopMayTake = 75 * time.Second

func (a *app) downCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Stop the stack that runs in the data folder",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, _, err := a.data()
			if err != nil {
				return err
			}
			stopped, err := stopRunning(cmd.Context(), dir)
			if err != nil {
				return err
			}
			text := "nothing was running"
			if stopped {
				text = "stopped"
			}
			return a.print(map[string]any{"stopped": stopped}, text)
		},
	}
}

func stopRunning(ctx context.Context, dir stack.DataDir) (bool, error) {
	run, ok := dir.Running()
	if !ok {
		return false, nil
	}
	if err := syscall.Kill(run.PID, syscall.SIGTERM); err != nil {
		return false, fmt.Errorf("stop the stack (pid %d): %w", run.PID, err)
	}
	wait, cancel := context.WithTimeout(ctx, stopMayTake)
	defer cancel()
	err := proc.WaitFor(wait, 50*time.Millisecond, func() bool {
		_, ok := dir.Running()
		return !ok
	})
	if err != nil {
		return false, fmt.Errorf("the stack (pid %d) is still stopping after %s", run.PID, stopMayTake)
	}
	return true, nil
}

func (a *app) resetCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "reset",
		Short: "Stop the stack and delete its data",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, _, err := a.data()
			if err != nil {
				return err
			}
			if _, err := stopRunning(cmd.Context(), dir); err != nil {
				return err
			}
			if err := a.confirmedReset(dir, yes); err != nil {
				return err
			}
			return a.print(map[string]any{"reset": dir.Root}, "deleted the data in "+dir.Root)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) confirmedReset(dir stack.DataDir, yes bool) error {
	if _, err := os.Stat(dir.Root); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if !yes {
		_, _ = fmt.Fprintf(a.err, "Delete the database, the ledger and all keys in %s? [y/N] ", dir.Root)
		line, err := bufio.NewReader(a.in).ReadString('\n')
		if answer := strings.ToLower(strings.TrimSpace(line)); (err != nil && line == "") || (answer != "y" && answer != "yes") {
			return errors.New("nothing was deleted (answer y, or use --yes)")
		}
	}
	if err := dir.Open(); err != nil { // before the lock, which would leave a file in a folder of somebody else
		return err
	}
	release, ok, err := dir.Lock()
	if err != nil {
		return err
	}
	if !ok {
		return stack.ErrRunning
	}
	defer release()
	return dir.Reset()
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show what runs and how it is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, _, err := a.data()
			if err != nil {
				return err
			}
			run, ok := dir.Running()
			if !ok {
				_ = a.print(map[string]any{"running": false}, "not running")
				return errSilent
			}
			states := run.Health(cmd.Context())
			if a.asJSON {
				return a.print(map[string]any{"running": true, "state": run.State, "pid": run.PID, "started_at": run.StartedAt, "services": states}, "")
			}
			_, _ = fmt.Fprintf(a.out, "%s, pid %d, since %s\n", run.State, run.PID, run.StartedAt.Local().Format(time.DateTime))
			w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
			healthy := true
			for _, s := range states {
				_, _ = fmt.Fprintf(w, "  %s\tpid %d\t%s\n", s.Name, s.PID, s.State)
				healthy = healthy && s.OK
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if !healthy {
				return errSilent
			}
			return nil
		},
	}
}

func (a *app) credentialsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "credentials",
		Short: "Show the logins and the demo key of this data folder",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, _, err := a.data()
			if err != nil {
				return err
			}
			c, err := dir.Credentials()
			if err != nil {
				return err
			}
			return a.print(c, c.Text())
		},
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := map[string]string{"version": "unknown", "go": ""}
			if info, ok := debug.ReadBuildInfo(); ok {
				v["version"], v["go"] = info.Main.Version, info.GoVersion
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						v["revision"] = s.Value
					}
				}
			}
			text := fmt.Sprintf("starlane %s %s (%s)", v["version"], v["revision"], v["go"])
			return a.print(v, strings.Join(strings.Fields(text), " "))
		},
	}
}

func (a *app) logsCommand() *cobra.Command {
	var follow bool
	var lines int
	cmd := &cobra.Command{
		Use:   "logs [service]",
		Short: "Show the logs of all services or of one",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _, err := a.data()
			if err != nil {
				return err
			}
			files, err := dir.Logs()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				path, ok := files[args[0]]
				if !ok {
					return fmt.Errorf("no log of %q; there are: %s", args[0], strings.Join(sortedKeys(files), ", "))
				}
				files = map[string]string{args[0]: path}
			}
			return a.showLogs(cmd.Context(), files, lines, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new lines until Ctrl-C")
	cmd.Flags().IntVarP(&lines, "lines", "n", 20, "lines of each log to begin with")
	return cmd
}

func (a *app) showLogs(ctx context.Context, files map[string]string, lines int, follow bool) error {
	offsets := map[string]int64{}
	names := sortedKeys(files)
	for _, name := range names {
		data, err := os.ReadFile(files[name])
		if err != nil {
			return fmt.Errorf("log of %s: %w", name, err)
		}
		offsets[name] = int64(len(data))
		all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
		a.logLines(name, len(files) > 1, all[max(0, len(all)-lines):])
	}
	if !follow {
		return nil
	}
	_ = proc.WaitFor(ctx, 250*time.Millisecond, func() bool {
		for _, name := range names {
			fresh, at := readFrom(files[name], offsets[name])
			offsets[name] = at
			a.logLines(name, len(files) > 1, fresh)
		}
		return false
	})
	return nil
}

// readFrom returns the whole lines after offset; a file that has become shorter is read from its start.
func readFrom(path string, offset int64) ([]string, int64) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, 0
	}
	defer func() { _ = f.Close() }()
	if st, err := f.Stat(); err != nil || st.Size() < offset {
		offset = 0
	}
	data, err := io.ReadAll(io.NewSectionReader(f, offset, 1<<20))
	if err != nil {
		return nil, offset
	}
	end := strings.LastIndexByte(string(data), '\n')
	if end < 0 {
		return nil, offset
	}
	return strings.Split(string(data[:end]), "\n"), offset + int64(end) + 1
}

func (a *app) logLines(name string, named bool, lines []string) {
	for _, line := range lines {
		if line == "" {
			continue
		}
		if named {
			line = fmt.Sprintf("%-12s | %s", name, line)
		}
		_, _ = fmt.Fprintln(a.out, line)
	}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func (a *app) print(v any, text string) error {
	if !a.asJSON {
		_, err := fmt.Fprintln(a.out, text)
		return err
	}
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
