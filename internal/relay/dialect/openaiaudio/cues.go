package openaiaudio

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// lastCue is when the last text of a transcript with times (SRT, VTT) ends, in seconds, rounded up; 0 if it has no times.
func lastCue(lines []byte) int64 {
	_, end, ok := bytes.Cut(lines[max(bytes.LastIndex(lines, []byte("-->")), 0):], []byte("-->"))
	if !ok {
		return 0
	}
	text, _, _ := strings.Cut(strings.TrimLeft(string(end[:min(len(end), 32)]), " "), "\n")
	text, _, _ = strings.Cut(strings.TrimSpace(text), " ") // settings of a cue follow
	seconds := 0.0
	for part := range strings.SplitSeq(strings.ReplaceAll(text, ",", "."), ":") {
		n, err := strconv.ParseFloat(part, 64)
		if seconds = seconds*60 + n; err != nil || !(seconds >= 0 && seconds <= maxCue) {
			return 0
		}
	}
	return int64(math.Ceil(seconds))
}

// maxCue bounds a time, in seconds: what is later is broken.
const maxCue = 1_000_000
