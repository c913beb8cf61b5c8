// Command gen writes the rank files that package tokencount embeds.
//
// The vocabularies come from github.com/tiktoken-go/tokenizer, which carries OpenAI's published ranks. A rank file is
// the tokens in order of rank, each as one length byte and its bytes.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/tiktoken-go/tokenizer/codec"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	return errors.Join(
		write("cl100k_base.ranks", codec.NewCl100kBase(), 100_256),
		write("o200k_base.ranks", codec.NewO200kBase(), 199_998),
	)
}

func write(name string, c *codec.Codec, count uint) error {
	var out []byte
	for id := range count {
		token, err := c.Decode([]uint{id})
		if err != nil {
			return fmt.Errorf("%s: rank %d: %w", name, id, err)
		}
		if len(token) == 0 || len(token) > 255 {
			return fmt.Errorf("%s: rank %d has %d bytes", name, id, len(token))
		}
		out = append(out, byte(len(token)))
		out = append(out, token...)
	}
	if token, err := c.Decode([]uint{count}); err == nil {
		return fmt.Errorf("%s: there is a rank %d: %q", name, count, token)
	}
	if err := os.WriteFile(name, out, 0o644); err != nil { //nolint:gosec // source files are world readable
		return fmt.Errorf("write rank file: %w", err)
	}
	return nil
}
