//go:build !console

package web

import "io/fs"

func dist() (fs.FS, bool) { return placeholderFS(), false }
