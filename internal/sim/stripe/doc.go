// Package stripe is a stateful simulator of the part of Stripe that the product uses, shaped like API version
// 2024-06-20: enough to buy credit, send invoices and lose answers without a Stripe account and without a network.
//
// It is for demos and tests. It accepts test keys only, moves no money, and by default listens on loopback only.
//
//	/v1/…                                  the API
//	/                                      overview for people
//	/c/pay/{session}                       the pay page: pay, decline, 3-D Secure, abandon
//	/c/3ds/{intent}                        the simulated bank's question
//	/i/{invoice}, /i/{invoice}/pdf         the hosted invoice
//	GET  /_sim/requests                    requests and webhook deliveries, counted and listed without parameters
//	GET  /_sim/faults, POST /_sim/faults   the FaultPlan in force; a POST replaces it, {} heals everything
//	POST /_sim/reset                       an empty account; ids never come twice
//	POST /_sim/checkout/{session}/pay      what the button does; 402 with Stripe's error for …/decline
//	GET  /_sim/clock                       the simulated time
//	POST /_sim/clock/advance               {"seconds": n} moves it forward: sessions expire, idempotency keys are forgotten
//	GET  /_sim/cash                        CashFlow by currency, in cents
//
// Ids, and the chances of faults, follow from the seed and from the order of requests. Webhooks are signed with the time
// of the machine, not with the simulated one, because receivers compare it with theirs.
package stripe
