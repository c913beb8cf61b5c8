package proc

import (
	"os"
	"syscall"
)

func attributes(s Spec) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{}
	if s.Detached {
		a.Setsid = true
	} else {
		a.Setpgid = true
		a.Pdeathsig = s.OnParentDeath
		if a.Pdeathsig == 0 {
			a.Pdeathsig = syscall.SIGKILL
		}
	}
	switch {
	case s.Drop == nil:
	case s.Drop.UID != 0:
		a.Credential = &syscall.Credential{Uid: uint32(s.Drop.UID), Gid: uint32(s.Drop.GID)}
	default:
		a.Cloneflags = syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: innerID, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: innerID, HostID: os.Getegid(), Size: 1}}
	}
	return a
}
