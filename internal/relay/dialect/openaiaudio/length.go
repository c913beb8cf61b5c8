package openaiaudio

import (
	"bytes"
	"encoding/binary"
)

// What is assumed of recordings whose header does not say how long they last.
const (
	likelyRate = 16_000 // bytes a second: 128 kbit/s
	leastRate  = 1_000  // 8 kbit/s, below which speech is hardly understood
)

// length is how long a recording lasts in seconds, rounded up: likely, at most, and whether its own header says so.
func length(file []byte) (likely, most int64, known bool) {
	size := int64(len(file))
	if rate, data, ok := wav(file); ok {
		n := up(data, rate)
		return n, n, true
	}
	most = up(size, leastRate)
	likely = up(size, likelyRate)
	for _, read := range [...]func([]byte) int64{ogg, flac, mp4, mp3} {
		if n := read(file); n > 0 {
			likely = min(n, most)
			break
		}
	}
	return likely, most, false
}

func up(n, unit int64) int64 { return (n + unit - 1) / unit }

// wav reads the bytes a second of a RIFF file that is PCM and the bytes of sound that are really there. Readers go by different
// members of its format, and read on after a piece of sound that ends early: the slowest and the longest of what they find counts. A rate
// that no recording needs would make a long one short, and is not believed.
func wav(file []byte) (rate, data int64, ok bool) {
	const header, mostRate = 12, 8 * 192_000 * 4
	if len(file) < header || string(file[:4]) != "RIFF" || string(file[8:12]) != "WAVE" {
		return 0, 0, false
	}
	for at := int64(header); at+8 <= int64(len(file)); {
		size := int64(binary.LittleEndian.Uint32(file[at+4:]))
		from := at + 8
		there := min(size, int64(len(file))-from)
		switch kind := string(file[at : at+4]); {
		case kind == "fmt " && rate != 0, kind == "data" && rate == 0: // which one, or none, depends on the reader
			return 0, 0, false
		case kind == "fmt " && there >= 16:
			rate = slowest(file[from:])
		case kind == "data" && size == 0: // writers that do not know the size put 0 or the largest there
			there, size = int64(len(file))-from, int64(len(file))-from
			fallthrough
		case kind == "data":
			data += there
		}
		at = from + size + size%2
	}
	return rate, data, data > 0 && rate >= leastRate && rate <= mostRate
}

// slowest is the least of the bytes a second that the format of a RIFF file says in one way or another, -1 if it is not PCM.
func slowest(format []byte) int64 {
	word := func(at int) int64 { return int64(binary.LittleEndian.Uint16(format[at:])) }
	switch word(0) {
	case 1, 3, 6, 7, 0xfffe: // whole numbers, fractions, two laws of telephones, any of these
	default:
		return -1
	}
	samples := int64(binary.LittleEndian.Uint32(format[4:]))
	rate := int64(-1)
	for _, n := range [...]int64{int64(binary.LittleEndian.Uint32(format[8:])), samples * word(12), samples * word(2) * word(14) / 8} {
		if n > 0 && (rate < 0 || n < rate) {
			rate = n
		}
	}
	return rate
}

// ogg reads the position of the last page: of Opus it counts in 48 kHz, of Vorbis in a rate that its first page tells.
func ogg(file []byte) int64 {
	const page = 27
	last := bytes.LastIndex(file, []byte("OggS"))
	if !bytes.HasPrefix(file, []byte("OggS")) || last+page > len(file) {
		return 0
	}
	rate := int64(48_000)
	if at := bytes.Index(file[:min(len(file), 128)], []byte("\x01vorbis")); at >= 0 && at+16 <= len(file) {
		rate = int64(binary.LittleEndian.Uint32(file[at+12:]))
	}
	position := binary.LittleEndian.Uint64(file[last+6:])
	if rate == 0 || position > 1<<40 {
		return 0
	}
	return up(int64(position), rate)
}

// flac reads rate and number of samples, which stand in the first block.
func flac(file []byte) int64 {
	if len(file) < 26 || string(file[:4]) != "fLaC" {
		return 0
	}
	info := binary.BigEndian.Uint64(file[18:])
	rate, samples := int64(info>>44), int64(info&(1<<36-1))
	if rate == 0 {
		return 0
	}
	return up(samples, rate)
}

// mp4 reads the header of the film that an m4a is.
func mp4(file []byte) int64 {
	at := bytes.Index(file, []byte("mvhd"))
	if len(file) < 8 || string(file[4:8]) != "ftyp" || at < 0 || at+36 > len(file) {
		return 0
	}
	b := file[at+4:]
	scale, units := int64(binary.BigEndian.Uint32(b[12:])), uint64(binary.BigEndian.Uint32(b[16:]))
	if b[0] == 1 { // wide times
		scale, units = int64(binary.BigEndian.Uint32(b[20:])), binary.BigEndian.Uint64(b[24:])
	}
	if scale == 0 || units > 1<<40 {
		return 0
	}
	return up(int64(units), scale)
}

// mp3 takes the bit rate of the first frame for that of all.
func mp3(file []byte) int64 {
	size := int64(len(file))
	if len(file) > 10 && string(file[:3]) == "ID3" {
		skip := 10 + (int(file[6]&0x7f)<<21 | int(file[7]&0x7f)<<14 | int(file[8]&0x7f)<<7 | int(file[9]&0x7f))
		file = file[min(skip, len(file)):]
	}
	if len(file) < 4 || file[0] != 0xff || file[1]&0xe6 != 0xe2 { // a frame of layer III
		return 0
	}
	rates := [16]int64{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0}
	if file[1]&0x18 != 0x18 { // the half and quarter sample rates
		rates = [16]int64{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}
	}
	rate := rates[file[2]>>4] * 1000 / 8
	if rate == 0 {
		return 0
	}
	return up(size, rate)
}
