package metering

import (
	"fmt"
	"strconv"
)

// markOf reads the sequence number of a message, if need be from an event that is otherwise unreadable: a dead letter is
// as safe as a posted event, so the relay may forget it.
func markOf(msg *Message) (Mark, bool) {
	if msg.Event.Relay != "" && msg.Event.Seq > 0 {
		return Mark{Relay: msg.Event.Relay, Boot: msg.Event.Boot, Seq: msg.Event.Seq}, true
	}
	relay, _ := msg.Fields["relay"].(string)
	bootText, _ := msg.Fields["boot"].(string)
	seqText, _ := msg.Fields["seq"].(string)
	boot, errBoot := strconv.ParseInt(bootText, 10, 64)
	seq, errSeq := strconv.ParseUint(seqText, 10, 63)
	if relay == "" || len(relay) > maxLetterValue || errBoot != nil || errSeq != nil || seq == 0 {
		return Mark{}, false
	}
	return Mark{Relay: relay, Boot: boot, Seq: seq}, true
}

// letterFields keeps what fits of a message; a well-formed one is kept whole.
func letterFields(fields map[string]any) map[string]string {
	out := make(map[string]string, min(len(fields), maxLetterField))
	for name, v := range fields {
		if len(out) == maxLetterField {
			break
		}
		text, ok := v.(string)
		if !ok {
			text = fmt.Sprint(v)
		}
		out[clip(name)] = clip(text)
	}
	return out
}

// clip bounds a text and makes it fit for a database: jsonb refuses the zero byte and broken UTF-8.
func clip(s string) string {
	if len(s) > maxLetterValue {
		s = s[:maxLetterValue]
	}
	b := make([]rune, 0, len(s))
	for _, r := range s {
		if r == 0 {
			r = '\uFFFD'
		}
		b = append(b, r)
	}
	return string(b)
}
