package browser

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"starlane/internal/devstack/debian"
)

const (
	launcher     = "launch-chromium" // in the folder of the unpacked packages
	startTimeout = time.Minute       // on a busy machine
)

// fonts is fontconfig's file for a machine that may have none of its own. A family that nobody knows is sans-serif.
const fonts = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir prefix="relative">usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
  <alias><family>Times New Roman</family><accept><family>serif</family></accept></alias>
  <alias><family>Courier New</family><accept><family>monospace</family></accept></alias>
  <match>
    <test qual="all" name="family" compare="not_eq"><string>serif</string></test>
    <test qual="all" name="family" compare="not_eq"><string>monospace</string></test>
    <edit name="family" mode="append_last"><string>sans-serif</string></edit>
  </match>
  <alias><family>sans-serif</family><prefer><family>Liberation Sans</family></prefer></alias>
  <alias><family>serif</family><prefer><family>Liberation Serif</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>Liberation Mono</family></prefer></alias>
</fontconfig>
`

// fetch unpacks Debian's Chromium into dir unless it is there, and returns the path of its launcher.
func fetch(ctx context.Context, dir string) (string, error) {
	err := debian.Tree{
		What: "Chromium", Size: "about 200 MB, 700 MB unpacked", Packages: []string{"chromium", "fonts-liberation"}, Dir: dir,
		Check:    func(ctx context.Context, root string) error { return version(ctx, filepath.Join(root, launcher)) },
		Complete: complete,
		Say:      func(line string) { fmt.Fprintln(os.Stderr, "browser: "+line) },
	}.Ensure(ctx)
	return filepath.Join(dir, launcher), err
}

// complete writes the launcher, which leads the browser to its libraries and fonts, and proves that a page is shown.
func complete(ctx context.Context, root string) error {
	libs, err := debian.Libraries(root)
	if err != nil {
		return err
	}
	for i, dir := range libs {
		libs[i] = "$root" + strings.TrimPrefix(dir, root)
	}
	script := `#!/bin/sh
root=$(cd "$(dirname "$0")" && pwd) || exit
export LD_LIBRARY_PATH="` + strings.Join(libs, ":") + `"
export FONTCONFIG_FILE="$root/fonts.conf"
exec "$root/usr/lib/chromium/chromium" "$@"
`
	if err := os.WriteFile(filepath.Join(root, "fonts.conf"), []byte(fonts), 0o600); err != nil {
		return fmt.Errorf("browser's fonts: %w", err)
	}
	path := filepath.Join(root, launcher)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		return fmt.Errorf("browser's launcher: %w", err)
	}
	return prove(ctx, path)
}

// version starts the browser as far as its libraries.
func version(ctx context.Context, path string) error {
	_, err := run(ctx, path, "--version")
	return err
}

// prove lets the browser show a page that writes its own title.
func prove(ctx context.Context, path string) error {
	profile, err := os.MkdirTemp("", "starlane-browser-")
	if err != nil {
		return fmt.Errorf("browser's profile: %w", err)
	}
	defer func() { _ = os.RemoveAll(profile) }()
	page, err := run(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+profile,
		"--dump-dom", "data:text/html,<script>document.title=6*7</script>")
	if err == nil && !strings.Contains(page, "<title>42</title>") {
		err = fmt.Errorf("%s shows %q, not the page", path, page)
	}
	return err
}

func run(ctx context.Context, path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	cmd.WaitDelay = time.Second // its helpers may outlive it and hold the pipes
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(problems.String()), "\n")
		return "", fmt.Errorf("%s: %w: %s", path, err, lines[len(lines)-1])
	}
	return out.String(), nil
}
