package debian

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

const (
	firstReport = 2 * time.Second
	nextReport  = 10 * time.Second
)

// fetch downloads the packages into area and unpacks them below root.
func (t Tree) fetch(ctx context.Context, area, root string) error {
	archives := filepath.Join(area, "archives")
	for _, dir := range []string{root, filepath.Join(area, "lists/partial"), filepath.Join(archives, "partial")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("cache folder: %w", err)
		}
	}
	stop := t.report(func() string { return fmt.Sprintf("fetching %s: %d MB so far", t.What, megabytes(archives)) })
	err := t.download(ctx, area)
	stop()
	if err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(archives, "*.deb"))
	if err != nil || len(debs) == 0 {
		return fmt.Errorf("apt-get found nothing to fetch for %s", strings.Join(t.Packages, " "))
	}
	var done atomic.Int64
	stop = t.report(func() string { return fmt.Sprintf("unpacking %s: %d of %d packages", t.What, done.Load(), len(debs)) })
	defer stop()
	for _, deb := range debs {
		if _, err := run(ctx, area, "dpkg-deb", "-x", deb, root); err != nil {
			return err
		}
		done.Add(1)
	}
	return nil
}

// download lets apt-get choose and fetch, with the machine's package lists and with fresh lists of our own if that fails
// (a new machine has none, an old one names versions that the archive has replaced).
func (t Tree) download(ctx context.Context, area string) error {
	options := append([]string{
		"-q", "-o", "Dir::Cache=" + area, "-o", "Dir::Cache::archives=" + filepath.Join(area, "archives"),
		"-o", "APT::Sandbox::User=", // our folder is closed to apt's own user
		"-o", "Acquire::Languages=none",
		"-o", "Debug::NoLocking=1", // the machine's locks are root's; nothing of what they guard is written
	}, t.options...)
	install := append([]string{"install", "--download-only", "--yes", "--no-install-recommends"}, t.Packages...)
	_, err := run(ctx, area, "apt-get", append(options, install...)...)
	if err == nil || ctx.Err() != nil {
		return err
	}
	options = append(options, "-o", "Dir::State::Lists="+filepath.Join(area, "lists"))
	said, updateErr := run(ctx, area, "apt-get", append(options, "update")...)
	if updateErr != nil {
		return fmt.Errorf("%w; and for fresh package lists: %w", err, updateErr)
	}
	if _, err = run(ctx, area, "apt-get", append(options, install...)...); err != nil && said != "" {
		return fmt.Errorf("%w; and of fresh package lists it said: %s", err, said) // offline, update only warns
	}
	return err
}

// run returns the end of what a program complains about, on one line.
func run(ctx context.Context, dir, name string, args ...string) (said string, err error) {
	var problems bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stderr = dir, &problems
	err = cmd.Run()
	lines := strings.Split(strings.TrimSpace(problems.String()), "\n")
	said = strings.Join(lines[max(0, len(lines)-2):], " | ")
	if err != nil {
		return said, fmt.Errorf("%s: %w: %s", name, err, said)
	}
	return said, nil
}

func (t Tree) say(line string) {
	if t.Say != nil {
		t.Say(line)
	}
}

// report says the line of the moment when something takes longer than a blink, and again now and then, until stop.
func (t Tree) report(line func() string) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for wait := firstReport; ; wait = nextReport {
			select {
			case <-done:
				return
			case <-time.After(wait):
				t.say(line())
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// megabytes counts what has arrived in the folder of archives so far.
func megabytes(archives string) int64 {
	var sum int64
	for _, pattern := range []string{"*", "partial/*"} {
		paths, _ := filepath.Glob(filepath.Join(archives, pattern)) // the pattern is sound, so there is no error
		for _, path := range paths {
			if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
				sum += st.Size()
			}
		}
	}
	return sum / 1e6
}
