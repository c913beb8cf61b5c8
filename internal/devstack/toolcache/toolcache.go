// Package toolcache names the folders outside the checkout that hold fetched programs and shared test servers.
package toolcache

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Dir makes and returns the folder of that name in the user's cache, or in the system's temporary folder for a user without a home.
func Dir(name string) (string, error) {
	base, err := os.UserCacheDir()
	dir := filepath.Join(base, name)
	if err == nil {
		if err = os.MkdirAll(dir, 0o700); err == nil {
			return dir, nil
		}
	}
	dir = filepath.Join(os.TempDir(), name+"-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	// A shared temporary folder: what somebody else put there under our name must not be run.
	st, err := os.Lstat(dir)
	if err != nil || !st.IsDir() || st.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("cache folder %s is open to others; set HOME or XDG_CACHE_HOME", dir)
	}
	return dir, nil
}
