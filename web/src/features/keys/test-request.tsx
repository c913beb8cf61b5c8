import { Play, Square } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Input } from "@/components/form/input";
import { Alert } from "@/components/ui/alert";
import { Button, TextLink } from "@/components/ui/button";
import { Money } from "@/components/ui/money";
import { Select } from "@/components/ui/select";
import { query } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { formatMillis, plural } from "@/lib/format/number";
import { type StreamResult, streamChat } from "./relay-stream";

type Run =
  | { state: "idle" }
  | { state: "running" }
  | { state: "done"; result: StreamResult }
  | { state: "failed"; message: string };

/** Sends one streamed request with the new key, straight from the browser to the relay. */
export function TestRequest({
  baseUrl,
  keyId,
  secret,
  model,
  models,
}: {
  baseUrl: string;
  keyId: string;
  secret: string;
  model: string;
  models: string[];
}) {
  const [chosen, setChosen] = useState("");
  const [prompt, setPrompt] = useState("Say hello in five words.");
  const [answer, setAnswer] = useState("");
  const [run, setRun] = useState<Run>({ state: "idle" });
  const abort = useRef<AbortController>(undefined);
  const invalidate = useInvalidate();
  useEffect(() => () => abort.current?.abort(), []);

  const send = async () => {
    abort.current?.abort();
    const controller = new AbortController();
    abort.current = controller;
    setAnswer("");
    setRun({ state: "running" });
    try {
      const result = await streamChat({
        baseUrl,
        key: secret,
        model: chosen || model,
        prompt,
        signal: controller.signal,
        onText: (text) => setAnswer((before) => before + text),
      });
      setRun({ state: "done", result });
      await invalidate("/requests", "/usage", "/balance", "/keys");
    } catch (error) {
      if (controller.signal.aborted) setRun({ state: "idle" });
      else setRun({ state: "failed", message: failureText(error, baseUrl) });
    }
  };

  return (
    <section aria-labelledby="try-it" className="flex flex-col gap-3">
      <h3 id="try-it" className="font-semibold text-base">
        Try it
      </h3>
      <form
        className="flex flex-wrap gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Select
          label="Model"
          value={chosen || model}
          onChange={setChosen}
          options={models.map((name) => ({ value: name, label: name }))}
          className="w-auto! max-w-full"
        />
        <div className="min-w-48 flex-1">
          <Input
            aria-label="Message"
            value={prompt}
            onChange={(event) => setPrompt(event.target.value)}
          />
        </div>
        {run.state === "running" ? (
          <Button
            onClick={() => abort.current?.abort()}
            icon={<Square className="size-4" aria-hidden />}
          >
            Stop
          </Button>
        ) : (
          <Button type="submit" icon={<Play className="size-4" aria-hidden />}>
            Send a test request
          </Button>
        )}
      </form>
      {run.state === "failed" ? <Alert tone="danger">{run.message}</Alert> : null}
      {answer !== "" || run.state === "running" ? (
        <div
          aria-live="polite"
          aria-busy={run.state === "running"}
          className="min-h-16 whitespace-pre-wrap rounded-md border border-border bg-sunken p-4 text-sm [overflow-wrap:anywhere]"
        >
          {answer || <span className="text-faint">Waiting for the first token…</span>}
        </div>
      ) : null}
      {run.state === "done" ? <Outcome result={run.result} keyId={keyId} /> : null}
    </section>
  );
}

function Outcome({ result, keyId }: { result: StreamResult; keyId: string }) {
  // The worker posts it within two seconds. A list is asked and not the request by its id, because
  // an id that is not known yet is a failure, and this is none.
  const { data } = query.useQuery(
    "get",
    "/requests",
    { params: { query: { key_id: keyId, limit: 20 } } },
    {
      enabled: result.requestId !== undefined,
      staleTime: 0,
      refetchInterval: ({ state }) =>
        state.data?.items.some((request) => request.id === result.requestId) ? false : 500,
    },
  );
  const cost = data?.items.find((request) => request.id === result.requestId);
  const tokens = (result.inputTokens ?? 0) + (result.outputTokens ?? 0);
  return (
    <p className="flex flex-wrap gap-x-4 gap-y-1 text-muted text-sm tabular-nums">
      {result.firstTokenMs === undefined ? null : (
        <span>First token after {formatMillis(Math.round(result.firstTokenMs))}</span>
      )}
      <span>Done in {formatMillis(Math.round(result.totalMs))}</span>
      {tokens > 0 ? <span>{plural(tokens, "token")}</span> : null}
      {cost ? (
        <span>
          Cost <Money value={cost.charge} precision="short" className="font-medium text-fg" />
        </span>
      ) : result.requestId ? (
        <span>Cost follows…</span>
      ) : null}
      {cost ? (
        <TextLink to="/requests" search={{ id: cost.id }}>
          Show the request
        </TextLink>
      ) : null}
    </p>
  );
}

function failureText(error: unknown, baseUrl: string): string {
  if (error instanceof TypeError) {
    return `The browser could not reach the relay at ${baseUrl}. The curl line above makes the same request from a terminal.`;
  }
  return error instanceof Error ? error.message : "The request failed.";
}
