package openaiimages

import "testing"

func TestPerPicture(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		size, quality string
		want          int64
	}{
		{"1024x1024", "low", 272},
		{"1024x1536", "low", 408},
		{"1536x1024", "medium", 1584},
		{"1024x1536", "high", 6240},
		{"", "", 6240},
		{"auto", "auto", 6240},
		{"4096x2160", "high", 35100},
		{"1x1", "low", 1},
		{"99999999x9", "high", 6240},
		{"-1x5", "high", 6240},
		{"1024x1024", "hd", 4160},
	} {
		if got := perPicture(tc.size, tc.quality); got != tc.want {
			t.Errorf("%s %s: %d, want %d", tc.size, tc.quality, got, tc.want)
		}
	}
}
