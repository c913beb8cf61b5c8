//go:build console

package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var built embed.FS

func dist() (fs.FS, bool) {
	sub, err := fs.Sub(built, "dist")
	if err != nil { // fs.Sub fails only on an invalid path, and this one is a constant.
		return placeholderFS(), false
	}
	return sub, true
}
