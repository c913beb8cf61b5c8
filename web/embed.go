// Package web holds the built console, so that the api binary can serve it without files beside it.
package web

import "io/fs"

// Dist returns the console's files (index.html, theme.js, assets/…) rooted at the build folder, and
// whether they are the real console. Without the build tag "console" the files are one page that says
// how to build it.
func Dist() (fs.FS, bool) {
	return dist()
}
