// Runs cases with one client library, one JSON object a line on stdin, and answers each with a line on stdout that says what a
// user of the library saw. The test that gives the cases compares it with what the upstream said and what was billed.
//
//   node matrix.mjs CLIENT          the variables of demo.env say where
import { createInterface } from "node:readline";

// Which requests a case took is known by the ids that the relay answers.
const fetched = [];
const { fetch } = globalThis;
globalThis.fetch = async (...args) => {
  const response = await fetch(...args);
  fetched.push(response.headers.get("x-request-id"));
  return response;
};

const [library, flavor] = process.argv[2].split(":");
const { open } = await import(`./matrix/${library}.mjs`);
const client = open(flavor);

/** A conversation: the user's texts in turn, and after each of them results for as long as the model calls tools. */
async function converse(c, turns) {
  let history = [];
  for (const [n, text] of c.texts.entries()) {
    history = [...history, ...client.user(text, n === 0 ? (c.files ?? []) : [])];
    for (let calls; calls?.length !== 0; ) {
      const turn = newTurn(turns);
      history = [...history, ...(await client.ask(c, history, turn))];
      calls = turn.calls;
      if (calls.length > 0) history = [...history, ...client.results(calls.map((call) => ({ ...call, output: c.results[call.name] })))];
    }
  }
}

export function newTurn(turns) {
  const turn = { text: "", thinking: "", signed: false, calls: [], finish: "", usage: {} };
  turns.push(turn);
  return turn;
}

/** What a library throws, as a user can look at it. */
function thrown(error) {
  const status = error.status ?? error.statusCode ?? error.response?.status;
  return { type: error.constructor.name, status: typeof status === "number" ? status : 0, message: `${error.message}`.slice(0, 500) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const c = JSON.parse(line);
  const seen = { turns: [] };
  fetched.length = 0;
  try {
    await (client.converse ?? converse)(c, seen.turns, newTurn);
  } catch (error) {
    seen.error = thrown(error);
    if (process.env.MATRIX_DEBUG) console.error(error);
  }
  seen.requests = [...fetched];
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}
