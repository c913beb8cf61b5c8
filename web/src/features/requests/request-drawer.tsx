import { CopyButton } from "@/components/ui/copy-button";
import { Definitions } from "@/components/ui/definition";
import { Drawer } from "@/components/ui/dialog";
import { LoadError } from "@/components/ui/load-error";
import { SkeletonBlock } from "@/components/ui/skeleton";
import { StateBadge } from "@/components/ui/state-badge";
import { Time } from "@/components/ui/time";
import { query, type Schema } from "@/lib/api/client";
import { formatMillis } from "@/lib/format/number";
import { CostBreakdown } from "./cost-breakdown";

/** One request with everything that was kept about it: counts, charges, attempts. Never content. */
export function RequestDrawer({ id, onClose }: { id: string | undefined; onClose: () => void }) {
  const request = query.useQuery(
    "get",
    "/requests/{request_id}",
    { params: { path: { request_id: id ?? "" } } },
    { enabled: id !== undefined },
  );
  return (
    <Drawer
      open={id !== undefined}
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title={request.data ? request.data.served_model || request.data.requested_model : "Request"}
      description={request.data ? <Time value={request.data.occurred_at} style="seconds" /> : null}
    >
      {request.error ? (
        <LoadError error={request.error} onRetry={() => void request.refetch()} />
      ) : request.data ? (
        <Detail request={request.data} />
      ) : (
        <SkeletonBlock lines={9} label="Loading the request" />
      )}
    </Drawer>
  );
}

function Detail({ request }: { request: Schema<"RequestDetail"> }) {
  return (
    <div className="flex flex-col gap-6">
      <div className="flex items-center gap-2">
        <StateBadge state={request.outcome} />
        <span className="text-muted text-sm tabular-nums">
          HTTP {request.http_status} · {request.streamed ? "streamed" : "one answer"}
        </span>
      </div>
      <section aria-labelledby="cost">
        <h3 id="cost" className="mb-2 font-semibold text-base">
          Cost
        </h3>
        <CostBreakdown request={request} />
      </section>
      <section aria-labelledby="facts">
        <h3 id="facts" className="mb-1 font-semibold text-base">
          Details
        </h3>
        <Definitions items={facts(request)} />
      </section>
      <section aria-labelledby="attempts">
        <h3 id="attempts" className="mb-1 font-semibold text-base">
          Attempts
        </h3>
        <ol className="divide-y divide-border">
          {request.attempts.map((attempt, position) => (
            <li
              // biome-ignore lint/suspicious/noArrayIndexKey: the position is the attempt's identity
              key={position}
              className="flex items-baseline justify-between gap-4 py-2 text-sm"
            >
              <span>
                {position + 1}.{" "}
                {attempt.fault ? (
                  <span className="text-danger">failed while {attempt.fault}</span>
                ) : (
                  "answered"
                )}
                <span className="block font-mono text-faint text-xs [overflow-wrap:anywhere]">
                  {attempt.deployment_id}
                </span>
              </span>
              <span className="whitespace-nowrap text-muted tabular-nums">
                {attempt.status > 0 ? `HTTP ${attempt.status} · ` : ""}
                {formatMillis(attempt.duration_ms)}
              </span>
            </li>
          ))}
        </ol>
      </section>
    </div>
  );
}

function facts(request: Schema<"RequestDetail">) {
  return [
    {
      term: "Request id",
      value: (
        <span className="inline-flex items-center gap-1">
          <code className="text-xs">{request.id}</code>
          <CopyButton text={request.id} label="Copy request id" iconOnly variant="ghost" />
        </span>
      ),
    },
    { term: "Key", value: request.key_name },
    { term: "Asked for", value: request.requested_model },
    { term: "Served by", value: `${request.served_model} at ${request.provider || "no provider"}` },
    { term: "Capability", value: request.capability },
    { term: "Service tier", value: request.service_tier || "default" },
    {
      term: "First token",
      value: typeof request.ttft_ms === "number" ? formatMillis(request.ttft_ms) : "none",
      numeric: true,
    },
    { term: "Duration", value: formatMillis(request.duration_ms), numeric: true },
    { term: "Posted", value: <Time value={request.posted_at} style="seconds" /> },
    {
      term: "Ledger transaction",
      value: request.transaction_id === null ? "none, nothing charged" : request.transaction_id,
      numeric: true,
    },
    {
      term: "Price",
      value: request.price_valid_from ? (
        <>
          valid since <Time value={request.price_valid_from} style="date" />
        </>
      ) : (
        "none"
      ),
    },
    { term: "Upstream request", value: request.upstream_request_id || "none" },
  ];
}
