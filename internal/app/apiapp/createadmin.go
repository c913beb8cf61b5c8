package apiapp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"starlane/internal/platform/apperr"
	"starlane/internal/platform/clock"
	"starlane/internal/platform/config"
	"starlane/internal/platform/id"
	"starlane/internal/platform/secret"
	"starlane/internal/store/postgres"
	"starlane/internal/tenancy/audit"
	"starlane/internal/tenancy/identity"
	"starlane/internal/tenancy/tenant"
)

const minPassword = 12

// adminFlags is what create-admin is told.
type adminFlags struct {
	email, name, token                  string
	fromStdin, generate, reset, finance bool
	asJSON                              bool
}

func parseAdminFlags(args []string, out io.Writer) (adminFlags, error) {
	var f adminFlags
	var operator bool
	fs := flag.NewFlagSet("api create-admin", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.StringVar(&f.email, "email", "", "address to sign in with")
	fs.StringVar(&f.name, "name", "", "shown name")
	fs.BoolVar(&f.fromStdin, "password-stdin", false, "read the password from standard input, one line")
	fs.BoolVar(&f.generate, "generate", false, "make a password and print it")
	fs.BoolVar(&f.reset, "reset-password", false, "give an existing account the password")
	fs.BoolVar(&operator, "operator", false, "make an operator (the default)")
	fs.BoolVar(&f.finance, "finance", false, "make a member of the finance staff instead")
	fs.StringVar(&f.token, "token", "", "also make an API token of this name and print it")
	fs.BoolVar(&f.asJSON, "json", false, "print JSON")
	if err := fs.Parse(args); err != nil {
		return f, err
	}
	if fs.NArg() > 0 || !strings.Contains(f.email, "@") || f.fromStdin == f.generate || (operator && f.finance) {
		return f, errors.New("create-admin: want --email and either --password-stdin or --generate; see -h")
	}
	f.email = strings.ToLower(strings.TrimSpace(f.email))
	return f, nil
}

// adminResult is what create-admin prints. Secrets are there only if they were made just now.
type adminResult struct {
	UserID   id.ID  `json:"user_id"`
	TenantID id.ID  `json:"tenant_id"`
	Email    string `json:"email"`
	Role     string `json:"role"`
	Created  bool   `json:"created"`
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`
}

// createAdmin adds somebody to the staff of the platform. It may be repeated: what is there already stays as it is.
func createAdmin(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	f, err := parseAdminFlags(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	password := identity.NewPassword()
	if f.fromStdin {
		line, err := bufio.NewReader(io.LimitReader(in, 1024)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("create-admin: read password: %w", err)
		}
		if password = secret.New(strings.TrimRight(line, "\r\n")); len(password.Reveal()) < minPassword {
			return fmt.Errorf("create-admin: the password must have at least %d characters", minPassword)
		}
	}
	return withConfig(func(cfg *config.Config) error {
		result, err := addAdmin(ctx, cfg, f, password)
		if err != nil {
			return fmt.Errorf("create-admin: %w", err)
		}
		return result.print(out, f.asJSON)
	})
}

func addAdmin(ctx context.Context, cfg *config.Config, f adminFlags, password secret.String) (adminResult, error) {
	pool, err := postgres.Open(ctx, cfg.DatabaseURL, postgres.API)
	if err != nil {
		return adminResult{}, err
	}
	defer pool.Close()
	if err := postgres.Migrated(ctx, pool); err != nil {
		return adminResult{}, err
	}
	store, by := postgres.NewTenancy(pool), audit.System("create-admin")
	hasher, err := identity.NewHasher(ctx, 1)
	if err != nil {
		return adminResult{}, err
	}
	hash, err := hasher.Hash(ctx, password)
	if err != nil {
		return adminResult{}, err
	}
	role := tenant.Operator
	if f.finance {
		role = tenant.Finance
	}
	out := adminResult{TenantID: id.Nil, Email: f.email, Role: string(role)}
	m, fresh, err := store.AddMember(ctx, by, id.Nil, tenant.NewPerson{Email: f.email, Name: f.name, Role: role, PasswordHash: hash, Known: true})
	switch {
	case err == nil:
		out.UserID, out.Created = m.UserID, fresh
	case apperr.Is(err, apperr.Conflict): // is one already
		u, err := store.UserByEmail(ctx, f.email)
		if err != nil {
			return out, err
		}
		out.UserID = u.ID
	default:
		return out, err
	}
	if !out.Created && f.reset {
		if err := store.SetPassword(ctx, by, id.Nil, out.UserID, hash, identity.Digest{}); err != nil {
			return out, err
		}
	}
	if f.generate && (out.Created || f.reset) {
		out.Password = password.Reveal()
	}
	if f.token == "" {
		return out, nil
	}
	token := identity.NewToken()
	out.Token = token.Reveal()
	return out, store.CreateToken(ctx, by, identity.APIToken{
		ID: id.New(), Tenant: id.Nil, UserID: out.UserID, Name: f.token, CreatedAt: clock.System{}.Now(),
	}, identity.DigestOf(token))
}

func (r adminResult) print(out io.Writer, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(r) //nolint:gosec // a password made for this call is what the caller asked to see
	}
	var b strings.Builder
	if r.Created {
		fmt.Fprintf(&b, "%s is now %s of the platform\n", r.Email, r.Role)
	} else {
		fmt.Fprintf(&b, "%s has an account already\n", r.Email)
	}
	if r.Password != "" {
		fmt.Fprintf(&b, "password: %s\n", r.Password)
	}
	if r.Token != "" {
		fmt.Fprintf(&b, "API token: %s\n", r.Token)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
