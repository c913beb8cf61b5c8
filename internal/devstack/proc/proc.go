// Package proc starts the processes of a development stack and makes sure that none of them outlives its owner unless it is asked to.
package proc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Spec describes one child process.
type Spec struct {
	Name string
	Path string
	Args []string
	Env  []string // whole environment; nil inherits ours
	Dir  string
	// LogPath receives stdout and stderr, appended. Empty discards them.
	LogPath string
	// OnParentDeath is sent by the kernel when this process dies in any way, kill -9 included (Linux only; 0 means SIGKILL).
	OnParentDeath syscall.Signal
	// Detached children lead a session of their own and go on after us. They are not waited for.
	Detached bool
	// Drop runs the child as somebody who is not root (see Unprivileged). Nil keeps our identity.
	Drop *Identity
}

// Process is a started child.
type Process struct {
	Name string
	pid  int
	done chan struct{}
	err  error
	// detached children have no waiting goroutine: a test that looks for leaked goroutines must not see one
	detached bool
}

// Start starts the child in a process group of its own, so that the terminal's Ctrl-C does not reach it.
func Start(s Spec) (*Process, error) {
	cmd, logFile, err := command(s)
	if err != nil {
		return nil, err
	}
	p := &Process{Name: s.Name, done: make(chan struct{}), detached: s.Detached}
	if s.Detached {
		defer closeQuietly(logFile)
		if err := cmd.Start(); err != nil {
			return nil, fmt.Errorf("start %s: %w", s.Name, err)
		}
		p.pid = cmd.Process.Pid
		return p, nil
	}
	started := make(chan error, 1)
	go func() {
		// The parent-death signal fires when the thread that forked dies, so that thread is kept for the child's whole life.
		runtime.LockOSThread()
		err := cmd.Start()
		closeQuietly(logFile)
		if err != nil {
			started <- err
			return
		}
		p.pid = cmd.Process.Pid
		started <- nil
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	return p, nil
}

func command(s Spec) (*exec.Cmd, *os.File, error) {
	cmd := exec.Command(s.Path, s.Args...)
	cmd.Env, cmd.Dir = s.Env, s.Dir
	if s.Drop != nil {
		cmd.Env = append(cmd.Environ(), "LC_ALL=C")
	}
	cmd.SysProcAttr = attributes(s)
	if s.LogPath == "" {
		return cmd, nil, nil
	}
	if err := os.MkdirAll(filepath.Dir(s.LogPath), 0o700); err != nil {
		return nil, nil, fmt.Errorf("log folder of %s: %w", s.Name, err)
	}
	f, err := os.OpenFile(s.LogPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("log of %s: %w", s.Name, err)
	}
	cmd.Stdout, cmd.Stderr = f, f
	return cmd, f, nil
}

func closeQuietly(f *os.File) {
	if f != nil {
		_ = f.Close()
	}
}

// PID is the child's process id.
func (p *Process) PID() int { return p.pid }

// Done is closed when the child has ended. It never closes for a detached child.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the child ended; valid after Done.
func (p *Process) Err() error { return p.err }

// Exited tells whether the child has ended, for detached children too.
func (p *Process) Exited() bool {
	if p.detached {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(p.pid, &ws, syscall.WNOHANG, nil)
		return got == p.pid || errors.Is(err, syscall.ECHILD)
	}
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Signal sends sig to the child alone. A child that has ended is no error.
func (p *Process) Signal(sig syscall.Signal) error {
	if p.Exited() {
		return nil
	}
	if err := syscall.Kill(p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %s: %w", p.Name, err)
	}
	return nil
}

// Stop sends sig and waits for the end; when ctx ends first the child is killed. The error tells that it had to be.
func (p *Process) Stop(ctx context.Context, sig syscall.Signal) error {
	if err := p.Signal(sig); err != nil {
		return err
	}
	if WaitFor(ctx, 10*time.Millisecond, p.Exited) == nil {
		return nil
	}
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
	killed, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = WaitFor(killed, 10*time.Millisecond, p.Exited)
	return fmt.Errorf("%s did not stop in time and was killed", p.Name)
}

// WaitFor asks ok every step until it is true or ctx ends.
func WaitFor(ctx context.Context, step time.Duration, ok func() bool) error {
	tick := time.NewTicker(step)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// Alive tells whether a process with this id runs (it may be another user's). One that has ended and only waits for its parent does not.
func Alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	return (err == nil || errors.Is(err, syscall.EPERM)) && !zombie(pid)
}

// The range is below the ports that systems give to outgoing connections, so that a server that is down for a moment finds its
// port free when it comes back.
const (
	firstPort = 30000
	manyPorts = 2700
)

// FreePort returns a port of 127.0.0.1 that nobody listens on right now; another process may take it before the caller does.
func FreePort() (int, error) {
	for range 50 {
		if port := firstPort + rand.IntN(manyPorts); PortFree("127.0.0.1", port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("find a free port: the range %d to %d is full", firstPort, firstPort+manyPorts)
}

// PortFree tells whether port of host can be listened on.
func PortFree(host string, port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
