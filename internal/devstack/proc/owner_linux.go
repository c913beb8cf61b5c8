package proc

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// PortOwner names the process that listens on a TCP port, as far as we may see it.
func PortOwner(_ context.Context, port int) string {
	inode := listenerInode(port)
	if inode == "" {
		return "another program"
	}
	want := "socket:[" + inode + "]"
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return "another program"
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == want {
			pid := strings.Split(link, "/")[2]
			return fmt.Sprintf("%s (pid %s)", commandName(pid), pid)
		}
	}
	return "a program of another user"
}

func commandName(pid string) string {
	data, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
	if err != nil {
		return "a program"
	}
	return strings.TrimSpace(string(data))
}

func listenerInode(port int) string {
	const listening = "0A"
	suffix := fmt.Sprintf(":%04X", port)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(data), "\n") {
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == listening && strings.HasSuffix(f[1], suffix) {
				return f[9]
			}
		}
	}
	return ""
}

// Program returns the name of a process's program and the id of its parent; 0 when it is gone.
func Program(pid int) (name string, parent int) {
	name, fields := stat(pid)
	if len(fields) < 2 {
		return "", 0
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return "", 0
	}
	return name, parent
}

func zombie(pid int) bool {
	_, fields := stat(pid)
	return len(fields) > 0 && fields[0] == "Z"
}

// stat returns the program's name and the fields from the state on.
func stat(pid int) (name string, fields []string) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", nil
	}
	// pid (name) state ppid …; the name itself may hold brackets and spaces.
	text := string(data)
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return "", nil
	}
	return text[open+1 : end], strings.Fields(text[end+1:])
}

// RunsWith tells whether a process was started with that text among its arguments.
func RunsWith(pid int, text string) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.Contains(string(data), text)
}
