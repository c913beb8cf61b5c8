package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// mediaReport is what clients/js/media.mjs prints.
type mediaReport struct {
	Generated   []string `json:"generated"`
	ImageTokens int64    `json:"imageTokens"`
	Edited      int      `json:"edited"`
	Varied      int      `json:"varied"`
	ImageEvents []string `json:"imageEvents"`
	Speech      struct {
		Type  string `json:"type"`
		Head  string `json:"head"`
		Bytes int    `json:"bytes"`
	} `json:"speech"`
	Transcript struct {
		Text  string `json:"text"`
		Usage struct {
			Type   string `json:"type"`
			Output int    `json:"output_tokens"`
		} `json:"usage"`
	} `json:"transcript"`
	TranscriptEvents map[string]int `json:"transcriptEvents"`
	Streamed         string         `json:"streamed"`
	Subtitles        string         `json:"subtitles"`
	Detail           struct {
		Duration float64 `json:"duration"`
	} `json:"detail"`
	Translation string `json:"translation"`
	Error       struct {
		Type   string `json:"type"`
		Status int    `json:"status"`
		Param  string `json:"param"`
	} `json:"error"`
}

// The official SDK makes pictures, speaks and listens, and each of its requests is billed once by what it is made of.
func TestOfficialSDKMedia(t *testing.T) {
	t.Parallel()
	jsModules(t)
	s := startStack(t, "--no-web")
	var r mediaReport
	s.runClient(t, &r, nil, "internal/e2e/clients/js", "node", "media.mjs")
	if !slices.Equal(r.Generated, []string{"PNG", "PNG"}) || r.ImageTokens != 544 || r.Edited != 1 || r.Varied != 1 {
		t.Errorf("pictures: %v with %d tokens, %d edited, %d varied", r.Generated, r.ImageTokens, r.Edited, r.Varied)
	}
	if want := []string{"image_generation.partial_image", "image_generation.partial_image", "image_generation.completed"}; !slices.Equal(r.ImageEvents, want) {
		t.Errorf("events of a picture: %v, want %v", r.ImageEvents, want)
	}
	if r.Speech.Type != "audio/wav" || r.Speech.Head != "RIFF" || r.Speech.Bytes != 44+180*3200 {
		t.Errorf("speech: %+v, want a WAV of 12 seconds", r.Speech)
	}
	if r.Transcript.Text == "" || r.Transcript.Usage.Type != "tokens" || r.Streamed != r.Transcript.Text || r.TranscriptEvents["transcript.text.done"] != 1 {
		t.Errorf("transcript: %+v, streamed %q in %v", r.Transcript, r.Streamed, r.TranscriptEvents)
	}
	if !strings.Contains(r.Subtitles, "00:00:12,000") || r.Detail.Duration != 12 || r.Translation != r.Transcript.Text {
		t.Errorf("subtitles %q, %v seconds, translation %q", r.Subtitles, r.Detail.Duration, r.Translation)
	}
	if r.Error.Type != "BadRequestError" || r.Error.Status != 400 || r.Error.Param != "voice" {
		t.Errorf("error: %+v, want the upstream's own", r.Error)
	}
	const units = `select coalesce(sum((units ->> $1)::bigint), 0) from starlane.usage_event where capability in ('images', 'audio') and outcome = 'ok'`
	for class, want := range map[string]int64{
		"out_image": 2*272 + 272 + 4160 + 272 + 2*100, "char_in": 180, "audio_second": 3 * 12, "in_audio": 2 * 120,
	} {
		eventually(t, 20*time.Second, class, func() error {
			if got := s.scalar(t, units, class); got != want {
				return fmt.Errorf("%d are billed, want %d", got, want)
			}
			return nil
		})
	}
	s.checkBooks(t)
}
