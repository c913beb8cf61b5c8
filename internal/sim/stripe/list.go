package stripe

import (
	"sort"
	"strings"
)

// page is Stripe's list object.
type page struct {
	Object  string `json:"object"`
	URL     string `json:"url"`
	HasMore bool   `json:"has_more"`
	Data    []any  `json:"data"`
}

const (
	defaultLimit = 10
	maxLimit     = 100
)

// cursor is the paging part of a list request.
type cursor struct {
	limit         int
	startingAfter string
	endingBefore  string
	created       createdFilter
}

type createdFilter struct {
	exact         int64
	gt, gte       int64
	lt, lte       int64
	hasExact      bool
	hasGT, hasGTE bool
	hasLT, hasLTE bool
}

func (f createdFilter) match(t int64) bool {
	return (!f.hasExact || t == f.exact) && (!f.hasGT || t > f.gt) && (!f.hasGTE || t >= f.gte) &&
		(!f.hasLT || t < f.lt) && (!f.hasLTE || t <= f.lte)
}

// cursor reads limit, starting_after, ending_before and created, which every list takes.
func (p *params) cursor() cursor {
	c := cursor{limit: defaultLimit, startingAfter: p.str("starting_after"), endingBefore: p.str("ending_before")}
	if n, ok := p.num("limit"); ok {
		if n < 1 || n > maxLimit {
			p.child("limit").fail("parameter_invalid_integer", "Invalid limit: must be between 1 and %d", maxLimit)
			n = defaultLimit
		}
		c.limit = int(n)
	}
	if c.startingAfter != "" && c.endingBefore != "" {
		p.fail("parameter_invalid", "You can only provide one of starting_after and ending_before.")
	}
	if at := p.child("created"); at.node != nil && at.node.leaf {
		c.created.exact, c.created.hasExact = p.num("created")
	} else {
		c.created.gt, c.created.hasGT = at.num("gt")
		c.created.gte, c.created.hasGTE = at.num("gte")
		c.created.lt, c.created.hasLT = at.num("lt")
		c.created.lte, c.created.hasLTE = at.num("lte")
	}
	return c
}

// paginate cuts one page out of rows, which are newest first. view turns a row into what the API shows.
func paginate[T stored](c *call, cur cursor, rows []T, keep func(T) bool, view func(T) any) (any, error) {
	var kept []T
	for _, row := range rows {
		if keep(row) && cur.created.match(row.createdUnix()) {
			kept = append(kept, row)
		}
	}
	from, to := 0, len(kept)
	find := func(id, param string) (int, error) {
		for i, row := range kept {
			if row.identity() == id {
				return i, nil
			}
		}
		return 0, missing("object", id, param)
	}
	more := false
	switch {
	case cur.startingAfter != "":
		i, err := find(cur.startingAfter, "starting_after")
		if err != nil {
			return nil, err
		}
		from = i + 1
		to, more = min(to, from+cur.limit), from+cur.limit < len(kept)
	case cur.endingBefore != "":
		i, err := find(cur.endingBefore, "ending_before")
		if err != nil {
			return nil, err
		}
		to = i
		from, more = max(0, to-cur.limit), to-cur.limit > 0
	default:
		to, more = min(to, cur.limit), cur.limit < len(kept)
	}
	out := page{Object: "list", URL: c.r.URL.Path, HasMore: more, Data: []any{}}
	for _, row := range kept[from:to] {
		out.Data = append(out.Data, view(row))
	}
	return out, nil
}

func asIs[T any](row T) any { return row }

// expand replaces ids by objects in tree along the paths of expand[].
func (s *Server) expand(tree any, paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sort.Strings(paths) // parents before children
	for _, path := range paths {
		if err := s.expandPath(tree, strings.Split(path, "."), path); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) expandPath(at any, path []string, whole string) error {
	if len(path) == 0 || at == nil {
		return nil
	}
	switch v := at.(type) {
	case []any:
		for _, item := range v {
			if err := s.expandPath(item, path, whole); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		value, ok := v[path[0]]
		if !ok {
			return badRequest("", "expand", "This property cannot be expanded (%s).", whole)
		}
		if id, isText := value.(string); isText {
			object, found := s.lookup(id)
			if !found {
				return badRequest("", "expand", "This property cannot be expanded (%s).", whole)
			}
			tree, err := toTree(object)
			if err != nil {
				return err
			}
			v[path[0]], value = tree, tree
		}
		return s.expandPath(value, path[1:], whole)
	default:
		return badRequest("", "expand", "This property cannot be expanded (%s).", whole)
	}
}
