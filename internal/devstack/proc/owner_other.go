//go:build !linux

package proc

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// PortOwner names the process that listens on a TCP port, as far as we may see it.
func PortOwner(ctx context.Context, port int) string {
	out, err := exec.CommandContext(ctx, "lsof", "-nP", "-iTCP:"+strconv.Itoa(port), "-sTCP:LISTEN", "-Fpc").Output()
	if err != nil {
		return "another program"
	}
	var pid, name string
	for _, line := range strings.Split(string(out), "\n") {
		switch {
		case strings.HasPrefix(line, "p") && pid == "":
			pid = line[1:]
		case strings.HasPrefix(line, "c") && name == "":
			name = line[1:]
		}
	}
	return fmt.Sprintf("%s (pid %s)", name, pid)
}

// Program returns the name of a process's program and the id of its parent; 0 when it is gone.
func Program(pid int) (name string, parent int) {
	fields := strings.Fields(ps(pid, "ppid=,comm="))
	if len(fields) < 2 {
		return "", 0
	}
	parent, err := strconv.Atoi(fields[0])
	if err != nil {
		return "", 0
	}
	path := strings.Join(fields[1:], " ")
	return path[strings.LastIndexByte(path, '/')+1:], parent
}

// RunsWith tells whether a process was started with that text among its arguments.
func RunsWith(pid int, text string) bool { return strings.Contains(ps(pid, "args="), text) }

func zombie(pid int) bool { return strings.HasPrefix(ps(pid, "state="), "Z") }

func ps(pid int, columns string) string {
	out, err := exec.Command("ps", "-o", columns, "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
