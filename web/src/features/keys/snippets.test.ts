import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { snippets } from "./snippets";

const input = { baseUrl: "http://127.0.0.1:8080/v1", key: "sk-sl-test", model: "demo/echo" };
const byId = new Map(snippets(input).map((snippet) => [snippet.id, snippet.code]));

describe("snippets", () => {
  it("puts the secret into shell lines only", () => {
    const withKey = [...byId].filter(([, code]) => code.includes(input.key)).map(([id]) => id);
    expect(withKey.sort()).toEqual(["curl", "env", "open-webui"]);
  });

  it("names the base URL everywhere", () => {
    for (const code of byId.values()) expect(code).toContain(input.baseUrl);
  });

  it.each(["curl", "env", "open-webui"])("%s is valid shell", (id) => {
    execFileSync("sh", ["-n"], { input: byId.get(id) ?? "" });
  });

  it("sends a body that the relay can read", () => {
    const body = /-d '(.*)'/.exec(byId.get("curl") ?? "")?.[1] ?? "";
    expect(JSON.parse(body)).toMatchObject({ model: "demo/echo" });
  });

  it.each(["node", "ai-sdk"])("%s parses as a module", (id) => {
    execFileSync("node", ["--check", "--input-type=module", "-"], { input: byId.get(id) ?? "" });
  });
});
