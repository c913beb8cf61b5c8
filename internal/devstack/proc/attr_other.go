//go:build !linux

package proc

import "syscall"

// Other systems have no parent-death signal and no user namespaces: a start after a kill -9 finds the leftovers by their state files.
func attributes(s Spec) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: !s.Detached, Setsid: s.Detached}
	if s.Drop != nil && s.Drop.UID != 0 {
		a.Credential = &syscall.Credential{Uid: uint32(s.Drop.UID), Gid: uint32(s.Drop.GID)}
	}
	return a
}
