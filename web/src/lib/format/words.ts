/** What a state means for the person: colour follows from it. */
export type Tone = "neutral" | "accent" | "success" | "warning" | "danger";

/** Token classes in the order in which a person reads a price list. */
export const TOKEN_CLASSES = [
  "in_text",
  "in_cached",
  "cache_write_5m",
  "cache_write_1h",
  "out_text",
  "out_reasoning",
  "in_audio",
  "out_audio",
  "in_image",
  "out_image",
  "image_gen",
  "in_tool",
  "char_in",
  "audio_second",
  "search_query",
  "request",
] as const;

/** How the API's stable words are shown. A word that is not listed is shown as it comes. */
const CLASS_NAMES: Record<string, string> = {
  in_text: "Input",
  in_cached: "Cached input",
  cache_write_5m: "Cache write, 5 min",
  cache_write_1h: "Cache write, 1 h",
  out_text: "Output",
  out_reasoning: "Reasoning",
  in_audio: "Audio input",
  out_audio: "Audio output",
  in_image: "Image input",
  out_image: "Image output",
  image_gen: "Images",
  in_tool: "Tool results in prompts",
  char_in: "Characters spoken",
  audio_second: "Seconds of audio",
  search_query: "Searches",
  request: "Requests",
  requests: "Requests",
};

const CLASS_ORDER = Object.keys(CLASS_NAMES);

export function className(name: string): string {
  return CLASS_NAMES[name] ?? name;
}

export function byClass(a: string, b: string): number {
  return rank(a) - rank(b) || a.localeCompare(b);
}

function rank(name: string): number {
  const at = CLASS_ORDER.indexOf(name);
  return at < 0 ? CLASS_ORDER.length : at;
}

interface Word {
  text: string;
  tone: Tone;
}

const STATES: Record<string, Word> = {
  active: { text: "Active", tone: "success" },
  disabled: { text: "Disabled", tone: "warning" },
  revoked: { text: "Revoked", tone: "neutral" },
  expired: { text: "Expired", tone: "neutral" },
  paused: { text: "Paused", tone: "warning" },
  drained: { text: "Drained", tone: "warning" },
  hidden: { text: "Hidden", tone: "neutral" },
  retired: { text: "Retired", tone: "neutral" },
  suspended: { text: "Suspended", tone: "danger" },
  closed: { text: "Closed", tone: "neutral" },
  closing: { text: "Closing", tone: "warning" },
  open: { text: "Open", tone: "accent" },

  ok: { text: "OK", tone: "success" },
  client_gone: { text: "Client left", tone: "warning" },
  upstream_error: { text: "Upstream error", tone: "danger" },
  client_error: { text: "Client error", tone: "warning" },
  cut: { text: "Cut off", tone: "danger" },
  crashed: { text: "Recovered", tone: "warning" },

  created: { text: "Started", tone: "neutral" },
  session_open: { text: "Awaiting payment", tone: "accent" },
  credited: { text: "Credited", tone: "success" },
  failed: { text: "Failed", tone: "danger" },
  quarantined: { text: "Under review", tone: "warning" },

  drafted: { text: "Draft", tone: "neutral" },
  verified: { text: "Verified", tone: "accent" },
  finalized: { text: "Final", tone: "accent" },
  paid: { text: "Paid", tone: "success" },
  void: { text: "Void", tone: "neutral" },
};

export function stateWord(state: string): Word {
  return STATES[state] ?? { text: state, tone: "neutral" };
}

const PROVENANCE: Record<string, string> = {
  reported: "reported by the provider",
  derived: "derived from reported figures",
  estimated: "estimated by our counter",
};

export function provenanceText(word: string): string {
  return PROVENANCE[word] ?? word;
}

export const ROLES = ["owner", "admin", "billing", "developer", "viewer"] as const;

export const PLATFORM_ROLES = ["operator", "finance"] as const;

const ROLE_TEXT: Record<string, string> = {
  owner: "Everything",
  admin: "All but owners",
  billing: "Credits and invoices",
  developer: "Keys and usage",
  viewer: "Looks only",
  operator: "Runs the platform",
  finance: "Prices, credit and invoices",
};

export function roleText(role: string): string {
  return ROLE_TEXT[role] ?? role;
}
