package proc

import (
	"os"
	"slices"
)

// Launchers are the programs between a shell and us that do nothing but run us, such as `go run` and make.
type Launchers struct{ links []link }

type link struct{ pid, parent int }

// FindLaunchers looks up from this process.
func FindLaunchers() Launchers {
	var l Launchers
	at := link{os.Getpid(), os.Getppid()}
	for range 6 {
		name, parent := Program(at.parent)
		// A shell counts when make runs it, else it is the person's own.
		if slices.Contains([]string{"sh", "bash", "dash"}, name) {
			if above, _ := Program(parent); above != "make" && above != "gmake" {
				return l
			}
		} else if !slices.Contains([]string{"go", "make", "gmake"}, name) {
			return l
		}
		l.links = append(l.links, at)
		at = link{at.parent, parent}
	}
	return l
}

// Any tells whether there are some.
func (l Launchers) Any() bool { return len(l.links) > 0 }

// Gone tells whether one of them has ended: its child has another parent now. A killed launcher passes no signal on.
func (l Launchers) Gone() bool {
	for _, at := range l.links {
		parent := os.Getppid()
		if at.pid != os.Getpid() {
			_, parent = Program(at.pid)
		}
		if parent != at.parent {
			return true
		}
	}
	return false
}
