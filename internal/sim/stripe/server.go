package stripe

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"starlane/internal/platform/clock"
)

// APIVersion is the version whose shapes the simulator speaks.
const APIVersion = "2024-06-20"

// maxBody bounds a request body in bytes.
const maxBody = 1 << 20

// Config says how a simulator behaves. The zero value works: seed 0, wall clock, nothing on disk.
type Config struct {
	Addr             string        // listen address of Run, for example "127.0.0.1:8083"
	AllowNonLoopback bool          // lets Run listen beyond loopback, as a container must
	PublicURL        string        // base of the page links; empty: http:// plus the Host of the request
	Seed             uint64        // decides ids and chances
	Clock            clock.Clock   // nil: the wall clock
	SnapshotFile     string        // keeps the state across restarts of Run; empty: memory only
	WebhookBackoff   time.Duration // first wait before a failed webhook is sent again, doubling; zero: 2 s
	WebhookTimeout   time.Duration // how long a receiver may take; zero: 10 s
	Logger           *slog.Logger  // nil: silent
}

// Server is one simulated Stripe account. It is an http.Handler; Close stops its webhook deliveries.
type Server struct {
	cfg    Config
	mux    *http.ServeMux
	log    *slog.Logger
	clock  clock.Clock
	hooks  *dispatcher
	faults *faultBook
	record *recorder

	mu    sync.Mutex // guards st and every object in it
	st    *state
	rng   *rand.Rand
	saveM sync.Mutex // one snapshot write at a time
}

// New returns a running simulator with an empty account.
func New(cfg Config) *Server {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.WebhookBackoff <= 0 {
		cfg.WebhookBackoff = 2 * time.Second
	}
	if cfg.WebhookTimeout <= 0 {
		cfg.WebhookTimeout = 10 * time.Second
	}
	s := &Server{
		cfg: cfg, mux: http.NewServeMux(), log: cfg.Logger, clock: cfg.Clock, st: newState(),
		rng: rand.New(rand.NewPCG(cfg.Seed, 0x5354)), // chances of simulated faults, repeatable on purpose
	}
	s.faults = newFaultBook(s.chance)
	s.record = &recorder{byRoute: map[string]int{}}
	s.hooks = newDispatcher(cfg, s.clock, s.log)
	s.routes()
	return s
}

// Close stops the webhook deliveries and waits for those under way. It may be called twice.
func (s *Server) Close() { s.hooks.stop() }

// ServeHTTP answers the API under /v1/, the pages under /c/ and /i/, and the controls under /_sim/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// now is the simulated time: the clock plus what /_sim/clock/advance added. The mutex must be held.
func (s *Server) now() time.Time {
	return s.clock.Now().Add(time.Duration(s.st.OffsetSeconds) * time.Second)
}

func (s *Server) simulatedNow() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

func (s *Server) chance(probability float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Float64() < probability
}

// call is one API request, or one action on a page, while it holds the mutex.
type call struct {
	*Server
	p       *params
	r       *http.Request
	baseURL string
	fired   []*event
}

func (c *call) id() string { return c.r.PathValue("id") }

// endpoint reads its parameters, calls c.p.done before it changes anything, and returns the object to show.
type endpoint func(c *call) (any, error)

// commit runs fn under the mutex and saves what it changed. The events it fired are returned, not yet delivered.
func (s *Server) commit(r *http.Request, p *params, fn endpoint) (any, []*event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{Server: s, p: p, r: r, baseURL: s.baseURL(r)}
	c.settleDue()
	v, err := fn(c)
	if err != nil {
		return nil, c.fired, err
	}
	tree, err := toTree(v)
	if err != nil {
		return nil, c.fired, err
	}
	return tree, c.fired, nil
}

func (s *Server) baseURL(r *http.Request) string {
	if s.cfg.PublicURL != "" {
		return strings.TrimSuffix(s.cfg.PublicURL, "/")
	}
	if r == nil {
		return "http://" + s.cfg.Addr
	}
	return "http://" + r.Host
}

// apiKey returns the secret key of a request, from a bearer token or from basic authentication.
func apiKey(r *http.Request) string {
	if key, _, ok := r.BasicAuth(); ok {
		return key
	}
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return key
}

// checkKey refuses everything that is not plainly a test key, so that nobody sends a live one to a simulator.
func checkKey(key string) *apiError {
	switch {
	case key == "":
		return unauthorized("You did not provide an API key. Use a key that starts with sk_test_ or sk_sim_.")
	case strings.HasPrefix(key, "sk_test_"), strings.HasPrefix(key, "sk_sim_"):
		return nil
	default:
		return unauthorized("This is a simulated Stripe: only keys that start with sk_test_ or sk_sim_ are accepted.")
	}
}

func (s *Server) routes() {
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, &apiError{
			Status: http.StatusNotFound, Type: typeInvalidRequest,
			Message: "Unrecognized request URL (" + r.Method + ": " + r.URL.Path + ").",
		})
	})
	for pattern, fn := range map[string]endpoint{
		"POST /v1/customers":                        createCustomer,
		"GET /v1/customers":                         listCustomers,
		"GET /v1/customers/{id}":                    getCustomer,
		"POST /v1/customers/{id}":                   updateCustomer,
		"DELETE /v1/customers/{id}":                 deleteCustomer,
		"GET /v1/customers/{id}/payment_methods":    listCustomerMethods,
		"POST /v1/payment_methods":                  createMethod,
		"GET /v1/payment_methods":                   listMethods,
		"GET /v1/payment_methods/{id}":              getMethod,
		"POST /v1/payment_methods/{id}/attach":      attachMethod,
		"POST /v1/payment_methods/{id}/detach":      detachMethod,
		"POST /v1/setup_intents":                    createSetupIntent,
		"GET /v1/setup_intents":                     listSetupIntents,
		"GET /v1/setup_intents/{id}":                getSetupIntent,
		"POST /v1/setup_intents/{id}/confirm":       confirmSetupIntent,
		"POST /v1/setup_intents/{id}/cancel":        cancelSetupIntent,
		"POST /v1/payment_intents":                  createIntent,
		"GET /v1/payment_intents":                   listIntents,
		"GET /v1/payment_intents/{id}":              getIntent,
		"POST /v1/payment_intents/{id}":             updateIntent,
		"POST /v1/payment_intents/{id}/confirm":     confirmIntent,
		"POST /v1/payment_intents/{id}/cancel":      cancelIntent,
		"GET /v1/charges":                           listCharges,
		"GET /v1/charges/{id}":                      getCharge,
		"GET /v1/balance":                           getBalance,
		"GET /v1/balance_transactions":              listBalance,
		"GET /v1/balance_transactions/{id}":         getBalanceTxn,
		"POST /v1/refunds":                          createRefund,
		"GET /v1/refunds":                           listRefunds,
		"GET /v1/refunds/{id}":                      getRefund,
		"POST /v1/refunds/{id}":                     updateRefund,
		"POST /v1/checkout/sessions":                createSession,
		"GET /v1/checkout/sessions":                 listSessions,
		"GET /v1/checkout/sessions/{id}":            getSession,
		"POST /v1/checkout/sessions/{id}/expire":    expireSession,
		"GET /v1/checkout/sessions/{id}/line_items": listSessionItems,
		"POST /v1/invoices":                         createInvoice,
		"GET /v1/invoices":                          listInvoices,
		"GET /v1/invoices/{id}":                     getInvoice,
		"POST /v1/invoices/{id}":                    updateInvoice,
		"DELETE /v1/invoices/{id}":                  deleteInvoice,
		"GET /v1/invoices/{id}/lines":               listInvoiceLines,
		"POST /v1/invoices/{id}/add_lines":          addInvoiceLines,
		"POST /v1/invoices/{id}/finalize":           finalizeInvoice,
		"POST /v1/invoices/{id}/pay":                payInvoice,
		"POST /v1/invoices/{id}/send":               sendInvoice,
		"POST /v1/invoices/{id}/void":               voidInvoice,
		"POST /v1/invoices/{id}/mark_uncollectible": markUncollectible,
		"POST /v1/invoiceitems":                     createItem,
		"GET /v1/invoiceitems":                      listItems,
		"GET /v1/invoiceitems/{id}":                 getItem,
		"DELETE /v1/invoiceitems/{id}":              deleteItem,
		"POST /v1/credit_notes":                     createCreditNote,
		"GET /v1/credit_notes":                      listCreditNotes,
		"GET /v1/credit_notes/{id}":                 getCreditNote,
		"POST /v1/products":                         createProduct,
		"GET /v1/products/{id}":                     getProduct,
		"POST /v1/prices":                           createPrice,
		"GET /v1/prices/{id}":                       getPrice,
		"POST /v1/webhook_endpoints":                createEndpoint,
		"GET /v1/webhook_endpoints":                 listEndpoints,
		"GET /v1/webhook_endpoints/{id}":            getEndpoint,
		"POST /v1/webhook_endpoints/{id}":           updateEndpoint,
		"DELETE /v1/webhook_endpoints/{id}":         deleteEndpoint,
		"GET /v1/events":                            listEvents,
		"GET /v1/events/{id}":                       getEvent,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serveAPI(w, r, pattern, fn) })
	}
	s.pageRoutes()
	s.simRoutes()
}

// originAllowed keeps other web pages from driving the controls of a simulator on this machine.
func originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}
