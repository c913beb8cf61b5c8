import type { Schema } from "@/lib/api/client";

type Dialect = Schema<"Dialect">;

export interface DialectTraits {
  label: string;
  baseUrl: string;
  baseUrlHint: string;
  /** Settings of an account; what is not listed stays empty. */
  settings: { name: "region" | "project" | "api_version"; placeholder: string; hint?: string }[];
  /** What the credential is. */
  credential: string;
}

const API_KEY = "An API key";
const WITH_VERSION = "With the version segment";
const WITHOUT_PATH = "Without a path";
const AWS_KEY =
  "ACCESS_KEY_ID:SECRET_ACCESS_KEY, with :SESSION_TOKEN if there is one, or an API key";
const REGION = { name: "region", placeholder: "us-east-1" } as const;
const bedrock = {
  baseUrl: "https://bedrock-runtime.us-east-1.amazonaws.com",
  baseUrlHint: WITHOUT_PATH,
  settings: [REGION],
  credential: AWS_KEY,
};

const vertex = (region: string): Omit<DialectTraits, "label"> => ({
  baseUrl: `https://${region}-aiplatform.googleapis.com`,
  baseUrlHint: WITHOUT_PATH,
  settings: [
    { name: "region", placeholder: region },
    { name: "project", placeholder: "my-project-1" },
  ],
  credential: "The JSON file of a service account",
});

/** What each wire format asks of an account and of its keys. The server has the last word. */
export const dialects: Record<Dialect, DialectTraits> = {
  openai: {
    label: "OpenAI",
    baseUrl: "https://api.openai.com/v1",
    baseUrlHint: WITH_VERSION,
    settings: [],
    credential: API_KEY,
  },
  anthropic: {
    label: "Anthropic",
    baseUrl: "https://api.anthropic.com/v1",
    baseUrlHint: WITH_VERSION,
    settings: [],
    credential: API_KEY,
  },
  gemini: {
    label: "Gemini",
    baseUrl: "https://generativelanguage.googleapis.com/v1beta",
    baseUrlHint: WITH_VERSION,
    settings: [],
    credential: API_KEY,
  },
  azure_openai: {
    label: "Azure OpenAI",
    baseUrl: "https://my-resource.openai.azure.com",
    baseUrlHint: WITHOUT_PATH,
    settings: [
      {
        name: "api_version",
        placeholder: "2024-10-21",
        hint: "Only for the dated API of deployments; empty for /openai/v1",
      },
    ],
    credential: API_KEY,
  },
  bedrock: { label: "Amazon Bedrock (Converse)", ...bedrock },
  bedrock_anthropic: { label: "Amazon Bedrock (Claude)", ...bedrock },
  vertex_anthropic: { label: "Google Vertex AI (Claude)", ...vertex("us-east5") },
  vertex_gemini: { label: "Google Vertex AI (Gemini)", ...vertex("us-central1") },
};

export const DIALECTS = Object.keys(dialects) as [Dialect, ...Dialect[]];

type Vendor = Schema<"Vendor">;

/** Whose dialect of OpenAI's format a provider speaks. */
export const vendors: Record<Vendor, string> = {
  "": "As the base URL says",
  openai: "OpenAI itself",
  cohere: "Cohere",
  dashscope: "DashScope (Qwen)",
  deepseek: "DeepSeek",
  groq: "Groq",
  mistral: "Mistral",
  moonshot: "Moonshot (Kimi)",
  ollama: "Ollama",
  openrouter: "OpenRouter",
  sglang: "SGLang",
  together: "Together AI",
  vllm: "vLLM",
  xai: "xAI",
  zhipu: "Zhipu (GLM)",
};

export const VENDORS = Object.keys(vendors) as [Vendor, ...Vendor[]];
