package tokencount

// The splitters follow OpenAI's published patterns. o200k_base, alternatives in order:
//
//	[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//	[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//	\p{N}{1,3}
//	 ?[^\s\p{L}\p{N}]+[\r\n/]*
//	\s*[\r\n]+
//	\s+(?!\S)
//	\s+
//
// cl100k_base has the contractions first, then [^\r\n\p{L}\p{N}]?\p{L}+, and no slash after symbols.

// nextO200K gives the end of the o200k_base piece that starts at text[i].
func (c *classes) nextO200K(text []byte, i int) int {
	k, w := c.at(text, i)
	if k&(number|newline) == 0 {
		if end := c.caseWord(text, i, k, w); end > 0 {
			return contraction(text, end)
		}
	}
	if k&number != 0 {
		return c.digits(text, i+w)
	}
	if end := c.symbols(text, i); end > 0 {
		for end < len(text) && (text[end] == '\n' || text[end] == '\r' || text[end] == '/') {
			end++
		}
		return end
	}
	return c.spaces(text, i)
}

// nextCL100K gives the end of the cl100k_base piece that starts at text[i].
func (c *classes) nextCL100K(text []byte, i int) int {
	if text[i] == '\'' {
		if end := contraction(text, i); end > i {
			return end
		}
	}
	k, w := c.at(text, i)
	if k&(number|newline) == 0 {
		end := i + w
		for end < len(text) {
			k, w := c.at(text, end)
			if k&letter == 0 {
				break
			}
			end += w
		}
		if k&letter != 0 || end > i+w {
			return end
		}
	}
	if k&number != 0 {
		return c.digits(text, i+w)
	}
	if end := c.symbols(text, i); end > 0 {
		for end < len(text) && (text[end] == '\n' || text[end] == '\r') {
			end++
		}
		return end
	}
	return c.spaces(text, i)
}

// caseWord matches the first two alternatives of o200k_base without the contraction: capitals, then small letters.
// The character at text[i] has class k and w bytes, and is no number and no line end. It gives 0 if there is no word.
//
// The run of capitals is greedy. If no small letter follows, the pattern backs off to the last character of the run
// that can be either (a caseless letter or a mark), and only without one takes the run as it is. A mark may also
// stand before the word; when no word follows it, it is a word itself.
func (c *classes) caseWord(text []byte, i int, k class, w int) int {
	start := i
	if k&letter == 0 {
		start = i + w
	}
	end, either := start, 0
	for end < len(text) {
		k, w := c.at(text, end)
		if k&upper == 0 {
			if k&lower != 0 {
				return c.smallLetters(text, end+w)
			}
			break
		}
		end += w
		if k&lower != 0 {
			either = end
		}
	}
	switch {
	case either > 0:
		return either
	case k&(upper|letter) == upper:
		return i + w
	case end > start:
		return end
	}
	return 0
}

func (c *classes) smallLetters(text []byte, end int) int {
	for end < len(text) {
		k, w := c.at(text, end)
		if k&lower == 0 {
			break
		}
		end += w
	}
	return end
}

// digits ends a number whose first character ends at end: up to three characters.
func (c *classes) digits(text []byte, end int) int {
	for range 2 {
		if end >= len(text) {
			break
		}
		k, w := c.at(text, end)
		if k&number == 0 {
			break
		}
		end += w
	}
	return end
}

// symbols gives the end of a run of symbols and marks with at most one blank before it, or 0.
func (c *classes) symbols(text []byte, i int) int {
	if text[i] == ' ' {
		i++
	}
	end := i
	for end < len(text) {
		k, w := c.at(text, end)
		if k&(space|letter|number) != 0 {
			break
		}
		end += w
	}
	if end == i {
		return 0
	}
	return end
}

// spaces gives the end of the piece of white space that starts at text[i]: up to the last line end of the run, else
// all but the last character, which goes with what follows.
func (c *classes) spaces(text []byte, i int) int {
	end, last, line := i, i, 0
	for end < len(text) {
		k, w := c.at(text, end)
		if k&space == 0 {
			break
		}
		last = end
		end += w
		if k&newline != 0 {
			line = end
		}
	}
	switch {
	case line > 0:
		return line
	case end == len(text) || last == i:
		return end
	}
	return last
}

// contraction gives the end of 's 't 're 've 'm 'll 'd at text[i], in any case, or i. The long s folds to s.
func contraction(text []byte, i int) int {
	if i+1 >= len(text) || text[i] != '\'' {
		return i
	}
	var second byte
	if i+2 < len(text) {
		second = text[i+2]
	}
	switch text[i+1] | 0x20 {
	case 's', 't', 'm', 'd':
		return i + 2
	case 'r', 'v':
		if second|0x20 == 'e' {
			return i + 3
		}
	case 'l':
		if second|0x20 == 'l' {
			return i + 3
		}
	}
	if text[i+1] == 0xc5 && second == 0xbf {
		return i + 3
	}
	return i
}
