package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"starlane/internal/testkit/pgtest"
	"starlane/internal/testkit/redistest"
)

// starlane runs a command line as the program would.
func starlane(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, problems bytes.Buffer
	code = Main(args, strings.NewReader(stdin), &out, &problems)
	return code, out.String(), problems.String()
}

func TestSQLPrintsAlignedTables(t *testing.T) {
	t.Setenv("DATABASE_URL", pgtest.New(t).DSN)
	code, out, problems := starlane("", "--data-dir", t.TempDir(), "sql", "select 'echo' as model, 12 as tokens union all select 'a much longer name', 3456")
	if code != 0 {
		t.Fatalf("code %d: %s", code, problems)
	}
	want := ` model              | tokens
--------------------+--------
 echo               |     12
 a much longer name |   3456
(2 rows)
`
	if out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

func TestSQLFindsTheProductsTablesAndExplainsErrors(t *testing.T) {
	t.Setenv("DATABASE_URL", pgtest.New(t).DSN)
	dir := t.TempDir()
	if code, out, problems := starlane("", "--data-dir", dir, "sql", "select coalesce(sum(amount_nano), 0) as sum from ledger_entry"); code != 0 || !strings.Contains(out, " 0\n") {
		t.Errorf("code %d, out %q, err %q", code, out, problems)
	}
	if code, _, problems := starlane("", "--data-dir", dir, "sql", "select nothing from nowhere"); code != 1 || !strings.Contains(problems, `"nowhere" does not exist`) {
		t.Errorf("code %d, err %q, want Postgres's words", code, problems)
	}
	code, out, _ := starlane("create temp table x (n int);\ninsert into x values (1), (2);\nselect n from x order by n;", "--data-dir", dir, "--json", "sql")
	if code != 0 || !strings.HasSuffix(out, "{\"n\": 1}\n{\"n\": 2}\n") {
		t.Errorf("script: code %d, out %q", code, out)
	}
}

func TestDoctorLooksAtTheStores(t *testing.T) {
	t.Setenv("DATABASE_URL", pgtest.New(t).DSN)
	r := redistest.New(t)
	t.Setenv("REDIS_URL", r.URL)
	dir := t.TempDir()
	doctor := func() (int, map[string][]string) {
		code, out, problems := starlane("", "--data-dir", dir, "doctor", "--json")
		var report struct {
			OK       bool
			Findings []finding
		}
		require.NoError(t, json.Unmarshal([]byte(out), &report), "%s %s", out, problems)
		levels := map[string][]string{}
		for _, f := range report.Findings {
			levels[f.Check] = append(levels[f.Check], f.Level+": "+f.Detail)
		}
		return code, levels
	}
	_, levels := doctor()
	for _, check := range []string{"go", "disk", "postgres", "redis", "database", "schema", "partitions", "ledger", "queue", "dead letters", "spool"} {
		for _, level := range levels[check] {
			if !strings.HasPrefix(level, levelOK) {
				t.Errorf("%s: %s", check, level)
			}
		}
		if len(levels[check]) == 0 {
			t.Errorf("doctor does not look at %s", check)
		}
	}
	require.NoError(t, r.Client.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err())
	code, levels := doctor()
	if all := strings.Join(levels["queue"], "\n"); code != 1 || !strings.Contains(all, "fault: maxmemory-policy is allkeys-lru") {
		t.Errorf("code %d, queue: %s; want a fault for a Redis that may forget usage", code, all)
	}
}

func TestCommandsWithoutAStackSaySo(t *testing.T) {
	t.Setenv("DATABASE_URL", "")
	t.Setenv("REDIS_URL", "")
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"status"}, 1, "not running"},
		{[]string{"down"}, 0, "nothing was running"},
		{[]string{"credentials"}, 1, "no stack has been started"},
		{[]string{"logs"}, 1, "no logs"},
		{[]string{"sql", "select 1"}, 1, "no stack runs"},
		{[]string{"up", "--host", "0.0.0.0"}, 1, "--i-know"},
		{[]string{"statsu"}, 1, `unknown command "statsu"`},
		{[]string{"sim"}, 1, "provider or stripe"},
		{[]string{"sim", "anthropc"}, 1, `unknown command "anthropc"`},
	} {
		code, out, problems := starlane("", append([]string{"--data-dir", dir}, c.args...)...)
		if code != c.code || !strings.Contains(out+problems, c.want) {
			t.Errorf("%v: code %d, output %q, want %d and %q", c.args, code, out+problems, c.code, c.want)
		}
	}
}

func TestResetAsksAndSparesOtherFolders(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".starlane-data"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets.json"), []byte("{}"), 0o600))
	there := func() bool {
		_, err := os.Stat(filepath.Join(dir, "secrets.json"))
		return err == nil
	}
	for _, answer := range []string{"", "n\n", "no\n"} {
		if code, _, _ := starlane(answer, "--data-dir", dir, "reset"); code != 1 || !there() {
			t.Fatalf("answer %q: code %d, data there: %v", answer, code, there())
		}
	}
	if code, _, problems := starlane("y\n", "--data-dir", dir, "reset"); code != 0 || there() {
		t.Errorf("answer y: code %d, data there: %v, %s", code, there(), problems)
	}
	foreign := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(foreign, "thesis.txt"), nil, 0o600))
	for _, args := range [][]string{{"reset", "--yes"}, {"up", "--reset", "--yes"}} {
		code, _, problems := starlane("", append([]string{"--data-dir", foreign}, args...)...)
		if code != 1 || !strings.Contains(problems, `holds "thesis.txt"`) {
			t.Errorf("%v on a folder that is not ours: code %d, %q", args, code, problems)
		}
		if entries, err := os.ReadDir(foreign); err != nil || len(entries) != 1 {
			t.Errorf("%v leaves %v (%v) in a folder that is not ours", args, entries, err)
		}
	}
}

func TestLogsOfOneAndOfAll(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "logs"), 0o700))
	for name, text := range map[string]string{"relay": "one\ntwo\nthree\n", "worker": "four\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "logs", name+".log"), []byte(text), 0o600))
	}
	if _, out, _ := starlane("", "--data-dir", dir, "logs", "-n", "2", "relay"); out != "two\nthree\n" {
		t.Errorf("one log: %q", out)
	}
	if _, out, _ := starlane("", "--data-dir", dir, "logs"); !strings.Contains(out, "relay        | three\n") || !strings.Contains(out, "worker       | four\n") {
		t.Errorf("all logs: %q", out)
	}
	if code, _, problems := starlane("", "--data-dir", dir, "logs", "nobody"); code != 1 || !strings.Contains(problems, "relay, worker") {
		t.Errorf("unknown service: %d %q", code, problems)
	}
}

func TestLogsFollowAcrossTruncation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	require.NoError(t, os.WriteFile(path, []byte("a\nb\nhalf"), 0o600))
	lines, at := readFrom(path, 2)
	if got := strings.Join(lines, ","); got != "b" || at != 4 {
		t.Errorf("got %q to %d, want b to 4: half a line waits for its end", got, at)
	}
	require.NoError(t, os.WriteFile(path, []byte("new\n"), 0o600))
	if lines, at = readFrom(path, 100); strings.Join(lines, ",") != "new" || at != 4 {
		t.Errorf("after truncation got %v to %d", lines, at)
	}
}

func TestUpTellsProgramsWhyItFailed(t *testing.T) {
	args := []string{"--data-dir", t.TempDir(), "up", "--host", "0.0.0.0"}
	code, out, problems := starlane("", args...)
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Contains(t, problems, "--i-know")
	code, out, problems = starlane("", append(args, "--json")...)
	require.Equal(t, 1, code)
	require.Empty(t, problems)
	var last struct{ Event, Detail string }
	require.NoError(t, json.Unmarshal([]byte(out), &last), out)
	require.Equal(t, "error", last.Event)
	require.Contains(t, last.Detail, "--i-know")
}
