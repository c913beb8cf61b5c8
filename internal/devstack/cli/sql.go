package cli

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// maxCell bounds the width of a column in the terminal.
const maxCell = 120

func (a *app) sqlCommand() *cobra.Command {
	var asCSV bool
	cmd := &cobra.Command{
		Use:   "sql [statement]",
		Short: "Ask the database: one statement, a script on standard input, or a prompt",
		Example: `  starlane sql "select sum(amount_nano) from ledger_entry"
  starlane sql < script.sql`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			conn, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close(context.WithoutCancel(cmd.Context())) }()
			s := &sqlSession{conn: conn, out: a.out, format: formatTable}
			switch {
			case asCSV:
				s.format = formatCSV
			case a.asJSON:
				s.format = formatJSON
			}
			if len(args) == 1 {
				return s.run(cmd.Context(), args[0])
			}
			if f, ok := a.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
				return s.prompt(cmd.Context(), a.in, a.err)
			}
			script, err := io.ReadAll(a.in)
			if err != nil {
				return fmt.Errorf("standard input: %w", err)
			}
			return s.run(cmd.Context(), string(script))
		},
	}
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print comma-separated values")
	return cmd
}

// connect opens the running stack's database, or the one of DATABASE_URL.
func (a *app) connect(ctx context.Context) (*pgx.Conn, error) {
	dsn := os.Getenv("DATABASE_URL")
	if dir, _, err := a.data(); err == nil {
		if run, ok := dir.Running(); ok && run.DatabaseURL != "" {
			dsn = run.DatabaseURL
		}
	}
	if dsn == "" {
		return nil, errors.New("no stack runs in this data folder (`starlane up` starts one), and DATABASE_URL is not set")
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("DATABASE_URL: want postgres://user:password@host:5432/database")
	}
	cfg.RuntimeParams["search_path"] = "starlane,public"
	cfg.RuntimeParams["application_name"] = "starlane sql"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		where := dsn
		if u, parseErr := url.Parse(dsn); parseErr == nil {
			where = u.Redacted()
		}
		return nil, fmt.Errorf("connect to %s: %w", where, err)
	}
	return conn, nil
}

type sqlFormat int

const (
	formatTable sqlFormat = iota
	formatCSV
	formatJSON
)

type sqlSession struct {
	conn   *pgx.Conn
	out    io.Writer
	format sqlFormat
}

// run sends the text as it is, so that a script of several statements works, and prints each result.
func (s *sqlSession) run(ctx context.Context, text string) error {
	results := s.conn.PgConn().Exec(ctx, text)
	for results.NextResult() {
		if err := s.show(results.ResultReader()); err != nil {
			_ = results.Close()
			return err
		}
	}
	if err := results.Close(); err != nil {
		return explain(err)
	}
	return nil
}

func explain(err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	text := fmt.Sprintf("%s: %s (%s)", strings.ToLower(pgErr.Severity), pgErr.Message, pgErr.Code)
	for _, more := range []string{pgErr.Detail, pgErr.Hint} {
		if more != "" {
			text += "\n" + more
		}
	}
	return errors.New(text)
}

func (s *sqlSession) show(r *pgconn.ResultReader) error {
	var header []string
	numeric := []bool{}
	for _, f := range r.FieldDescriptions() {
		header = append(header, f.Name)
		numeric = append(numeric, isNumber(f.DataTypeOID))
	}
	var rows [][]string
	var nulls [][]bool
	for r.NextRow() {
		row, null := make([]string, len(header)), make([]bool, len(header))
		for i, v := range r.Values() {
			row[i], null[i] = string(v), v == nil
		}
		rows, nulls = append(rows, row), append(nulls, null)
	}
	tag, err := r.Close()
	if err != nil {
		return explain(err)
	}
	if len(header) == 0 {
		if s.format == formatTable {
			_, err = fmt.Fprintln(s.out, tag.String())
		}
		return err
	}
	switch s.format {
	case formatCSV:
		w := csv.NewWriter(s.out)
		_ = w.Write(header)
		_ = w.WriteAll(rows)
		return w.Error()
	case formatJSON:
		return writeJSONRows(s.out, header, rows, nulls, numeric)
	default:
		return writeTable(s.out, header, rows, numeric)
	}
}

// isNumber knows the types of Postgres that are set flush right.
func isNumber(oid uint32) bool {
	switch oid {
	case 20, 21, 23, 26, 700, 701, 1700: // int8, int2, int4, oid, float4, float8, numeric
		return true
	}
	return false
}

func writeTable(out io.Writer, header []string, rows [][]string, numeric []bool) error {
	width := make([]int, len(header))
	for i, h := range header {
		width[i] = utf8.RuneCountInString(h)
	}
	for _, row := range rows {
		for i := range row {
			row[i] = cell(row[i])
			width[i] = max(width[i], utf8.RuneCountInString(row[i]))
		}
	}
	var b strings.Builder
	line := func(cells []string, right []bool) {
		for i, c := range cells {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if i > 0 {
				b.WriteString(" |")
			}
			b.WriteByte(' ')
			switch {
			case right != nil && right[i]:
				b.WriteString(pad + c)
			case i == len(cells)-1:
				b.WriteString(c)
			default:
				b.WriteString(c + pad)
			}
		}
		b.WriteByte('\n')
	}
	line(header, nil)
	for i, w := range width {
		if i > 0 {
			b.WriteByte('+')
		}
		b.WriteString(strings.Repeat("-", w+2))
	}
	b.WriteByte('\n')
	for _, row := range rows {
		line(row, numeric)
	}
	plural := "s"
	if len(rows) == 1 {
		plural = ""
	}
	fmt.Fprintf(&b, "(%d row%s)\n", len(rows), plural)
	_, err := io.WriteString(out, b.String())
	return err
}

// cell keeps a value on one line and within reason.
func cell(s string) string {
	s = strings.NewReplacer("\n", "⏎", "\r", "", "\t", " ").Replace(s)
	if r := []rune(s); len(r) > maxCell {
		return string(r[:maxCell-1]) + "…"
	}
	return s
}

// prompt reads statements that end in a semicolon until \q or the end of the input.
func (s *sqlSession) prompt(ctx context.Context, in io.Reader, hints io.Writer) error {
	_, _ = fmt.Fprintln(hints, `Statements end with ";". \q leaves, \d lists the tables.`)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	var text strings.Builder
	for {
		mark := "starlane=> "
		if text.Len() > 0 {
			mark = "starlane-> "
		}
		_, _ = fmt.Fprint(hints, mark)
		if !lines.Scan() {
			_, _ = fmt.Fprintln(hints)
			return lines.Err()
		}
		line := strings.TrimSpace(lines.Text())
		switch {
		case text.Len() == 0 && (line == `\q` || line == "exit" || line == "quit"):
			return nil
		case text.Len() == 0 && line == `\d`:
			line = "select schemaname as schema, tablename as table from pg_tables where schemaname = 'starlane' order by 2;"
		}
		text.WriteString(line + "\n")
		if !strings.HasSuffix(line, ";") {
			continue
		}
		if err := s.run(ctx, text.String()); err != nil {
			if ctx.Err() != nil || s.conn.IsClosed() {
				return err
			}
			_, _ = fmt.Fprintln(hints, err)
		}
		text.Reset()
	}
}
