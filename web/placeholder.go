package web

import (
	"embed"
	"io/fs"
)

//go:embed placeholder/index.html
var placeholder embed.FS

func placeholderFS() fs.FS {
	sub, err := fs.Sub(placeholder, "placeholder")
	if err != nil { // fs.Sub fails only on an invalid path, and this one is a constant.
		return placeholder
	}
	return sub
}
