package proc

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// innerID is "nobody" on every Linux: Postgres wants its uid to have a name, and not to be 0.
const innerID = 65534

// Identity is somebody who is not root. The zero value is a user namespace of one uid, inside which we are nobody while every file stays ours.
type Identity struct {
	// UID and GID are used when user namespaces are forbidden; 0 means the namespace.
	UID, GID int
}

// Unprivileged returns nil when we are not root, else the best way for a child not to be root: Postgres refuses to run as root.
// A user namespace needs no change of ownership and works below a folder that only root may enter; where the machine
// forbids it (containers often do), the user postgres or nobody is taken and its data folder must be given to it (see Own).
func Unprivileged(ctx context.Context) (*Identity, error) {
	if os.Geteuid() != 0 {
		return nil, nil // nobody to become
	}
	ns := &Identity{}
	if err := try(ctx, ns); err == nil {
		return ns, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.Atoi(u.Uid)
		gid, errG := strconv.Atoi(u.Gid)
		if errU != nil || errG != nil || uid == 0 {
			continue
		}
		id := &Identity{UID: uid, GID: gid}
		if err := try(ctx, id); err == nil {
			return id, nil
		}
	}
	return nil, fmt.Errorf("running as root, and neither a user namespace nor the user postgres or nobody can be used; run as an ordinary user or set DATABASE_URL")
}

func try(ctx context.Context, id *Identity) error {
	p, err := Start(Spec{Name: "probe", Path: "/bin/true", Drop: id})
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	select {
	case <-p.Done():
		return p.Err()
	case <-limited.Done():
		return limited.Err()
	}
}

// Own gives dir and all below to the identity. A namespace needs nothing.
func (id *Identity) Own(dir string) error {
	if id == nil || id.UID == 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, id.UID, id.GID)
	})
}

// Owns tells whether a file belongs to the identity or to us.
func (id *Identity) Owns(st os.FileInfo) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && (int(sys.Uid) == os.Geteuid() || (id != nil && int(sys.Uid) == id.UID))
}

// Reaches tells whether the identity can get to dir: every folder above must let everybody pass, and dir itself, unless it is given to him.
func (id *Identity) Reaches(dir string) bool {
	if id == nil || id.UID == 0 {
		return true
	}
	for at := filepath.Dir(dir); ; at = filepath.Dir(at) {
		st, err := os.Stat(at)
		if err != nil || st.Mode().Perm()&0o001 == 0 {
			return false
		}
		if at == filepath.Dir(at) {
			return true
		}
	}
}
