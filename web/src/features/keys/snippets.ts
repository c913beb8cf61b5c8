/** Ready-made first calls. The key itself appears only where a person pastes it once: shell lines. */
export interface SnippetInput {
  /** Base URL with `/v1`. */
  baseUrl: string;
  /** The secret right after creation, or a placeholder later on. */
  key: string;
  model: string;
}

export interface Snippet {
  id: string;
  title: string;
  code: string;
}

export const KEY_PLACEHOLDER = "sk-sl-…";

const env = ({ baseUrl, key }: SnippetInput): string =>
  `export OPENAI_BASE_URL="${baseUrl}"
export OPENAI_API_KEY="${key}"`;

const curl = ({ baseUrl, key, model }: SnippetInput): string =>
  `curl ${baseUrl}/chat/completions \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d '{"model":"${model}","messages":[{"role":"user","content":"Hello"}]}'`;

const python = ({ baseUrl, model }: SnippetInput): string =>
  `# pip install openai
import os
from openai import OpenAI

client = OpenAI(
    base_url="${baseUrl}",
    api_key=os.environ["OPENAI_API_KEY"],
)
stream = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Hello"}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="")`;

const node = ({ baseUrl, model }: SnippetInput): string =>
  `// npm install openai
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "${baseUrl}",
  apiKey: process.env.OPENAI_API_KEY,
});
const stream = await client.chat.completions.create({
  model: "${model}",
  messages: [{ role: "user", content: "Hello" }],
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}`;

const golang = ({ baseUrl, model }: SnippetInput): string =>
  `// go get github.com/openai/openai-go/v3
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func main() {
	client := openai.NewClient(
		option.WithBaseURL("${baseUrl}/"),
		option.WithAPIKey(os.Getenv("OPENAI_API_KEY")),
	)
	answer, err := client.Chat.Completions.New(context.Background(), openai.ChatCompletionNewParams{
		Model:    "${model}",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello")},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Choices[0].Message.Content)
}`;

const langchain = ({ baseUrl, model }: SnippetInput): string =>
  `# pip install langchain-openai
import os
from langchain_openai import ChatOpenAI

llm = ChatOpenAI(
    model="${model}",
    base_url="${baseUrl}",
    api_key=os.environ["OPENAI_API_KEY"],
)
print(llm.invoke("Hello").content)`;

const aiSdk = ({ baseUrl, model }: SnippetInput): string =>
  `// npm install ai @ai-sdk/openai-compatible
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText } from "ai";

const starlane = createOpenAICompatible({
  name: "starlane",
  baseURL: "${baseUrl}",
  apiKey: process.env.OPENAI_API_KEY,
});
const { text } = await generateText({ model: starlane("${model}"), prompt: "Hello" });
console.log(text);`;

const openWebUi = ({ baseUrl, key }: SnippetInput): string =>
  `OPENAI_API_BASE_URL="${baseUrl}"
OPENAI_API_KEY="${key}"
ENABLE_OLLAMA_API="false"`;

const ALL: { id: string; title: string; make: (input: SnippetInput) => string }[] = [
  { id: "curl", title: "curl", make: curl },
  { id: "python", title: "Python", make: python },
  { id: "node", title: "Node.js", make: node },
  { id: "go", title: "Go", make: golang },
  { id: "langchain", title: "LangChain", make: langchain },
  { id: "ai-sdk", title: "AI SDK", make: aiSdk },
  { id: "open-webui", title: "Open WebUI", make: openWebUi },
  { id: "env", title: "Environment", make: env },
];

export function snippets(input: SnippetInput): Snippet[] {
  return ALL.map(({ id, title, make }) => ({ id, title, code: make(input) }));
}
