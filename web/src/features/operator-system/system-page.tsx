import { CircleCheck, CircleX, Inbox } from "lucide-react";
import { type Column, DataTable } from "@/components/table/data-table";
import { LoadMore } from "@/components/table/load-more";
import { Alert } from "@/components/ui/alert";
import { Badge } from "@/components/ui/badge";
import { Card, CardBody, CardHeader } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { Page } from "@/components/ui/page";
import { Stat, StatRow } from "@/components/ui/stat";
import { Time } from "@/components/ui/time";
import { query, type Schema } from "@/lib/api/client";
import { cursorPaging, flatten, PAGE_SIZE } from "@/lib/api/paging";
import { formatCount } from "@/lib/format/number";

type Status = Schema<"SystemStatus">;
type Relay = Status["relays"][number];
type DeadLetter = Schema<"DeadLetter">;

const relayColumns: Column<Relay>[] = [
  {
    id: "id",
    header: "Relay",
    cell: ({ row }) => <span className="font-mono text-xs">{row.original.id}</span>,
  },
  {
    id: "alive",
    header: "State",
    cell: ({ row }) =>
      row.original.alive ? (
        <Badge tone="success" dot>
          Alive
        </Badge>
      ) : (
        <Badge tone="danger" dot>
          Silent
        </Badge>
      ),
  },
  {
    id: "seen",
    header: "Last heard",
    meta: { from: "sm" },
    cell: ({ row }) => <Time value={row.original.seen_at} style="relative" />,
  },
  {
    id: "open",
    header: "Open requests",
    meta: { align: "right" },
    cell: ({ row }) => (
      <span className="tabular-nums">{formatCount(row.original.open_requests)}</span>
    ),
  },
  {
    id: "spool",
    header: "Spool, bytes",
    meta: { align: "right", from: "sm" },
    cell: ({ row }) => (
      <span className="tabular-nums">{formatCount(row.original.spool_bytes)}</span>
    ),
  },
];

const letterColumns: Column<DeadLetter>[] = [
  {
    id: "received",
    header: "Received",
    cell: ({ row }) => <Time value={row.original.received_at} style="seconds" />,
  },
  {
    id: "reason",
    header: "Reason",
    cell: ({ row }) => <span className="[overflow-wrap:anywhere]">{row.original.reason}</span>,
  },
  {
    id: "ref",
    header: "Stream entry",
    meta: { from: "md" },
    cell: ({ row }) => (
      <span className="font-mono text-muted text-xs">{row.original.stream_ref}</span>
    ),
  },
];

/** The way from request to ledger: what is alive, what waits, what could not be posted. */
export function SystemPage() {
  const status = query.useQuery("get", "/status", {}, { refetchInterval: 5_000 });
  const letters = query.useInfiniteQuery(
    "get",
    "/dead-letters",
    { params: { query: { limit: PAGE_SIZE } } },
    cursorPaging,
  );
  const state = status.data;
  const deadLetters = flatten(letters.data);
  return (
    <Page
      title="System"
      description="From request to ledger: what is alive, what waits, what failed."
    >
      {status.error ? (
        <LoadError error={status.error} onRetry={() => void status.refetch()} />
      ) : state && !state.healthy ? (
        <Alert tone="danger" title="Not everything is healthy">
          See the dependencies below.
        </Alert>
      ) : null}
      <StatRow>
        <Stat
          label="Waiting events"
          value={state ? formatCount(state.streams.waiting) : undefined}
          note="Not yet read by a worker"
        />
        <Stat
          label="Pending events"
          value={state ? formatCount(state.streams.pending) : undefined}
          note="Read, not yet committed"
        />
        <Stat
          label="Dead letters"
          value={state ? formatCount(state.open_dead_letters) : undefined}
          note="Could not be posted"
        />
        <Stat
          label="Webhooks to apply"
          value={state ? formatCount(state.pending_webhooks) : undefined}
          note={state ? `Catalogue version ${state.catalog_version}` : null}
        />
      </StatRow>
      <div className="grid items-start gap-6 lg:grid-cols-[1fr_2fr]">
        <Card>
          <CardHeader title="Dependencies" />
          <CardBody>
            <ul className="flex flex-col gap-3">
              {state?.dependencies.map((one) => (
                <li key={one.name} className="flex items-start gap-2.5 text-sm">
                  {one.ok ? (
                    <CircleCheck className="mt-0.5 size-4 shrink-0 text-success" aria-label="ok" />
                  ) : (
                    <CircleX className="mt-0.5 size-4 shrink-0 text-danger" aria-label="failing" />
                  )}
                  <span className="min-w-0">
                    <span className="font-medium">{one.name}</span>
                    <span className="block text-muted [overflow-wrap:anywhere]">{one.detail}</span>
                  </span>
                </li>
              ))}
            </ul>
          </CardBody>
        </Card>
        <Card>
          <CardHeader title="Relays" />
          <DataTable
            columns={relayColumns}
            rows={state?.relays ?? []}
            rowId={(relay) => relay.id}
            label="Relays"
            loading={status.isPending}
            sortable={false}
            empty={<Empty title="No relay has reported">Start one: make up</Empty>}
          />
        </Card>
      </div>
      <Card>
        <CardHeader
          title="Dead letters"
          description="Kept as they came, to be corrected and replayed."
        />
        <DataTable
          columns={letterColumns}
          rows={deadLetters}
          rowId={(letter) => letter.stream_ref}
          label="Dead letters"
          loading={letters.isPending}
          sortable={false}
          empty={<Empty icon={<Inbox aria-hidden />} title="None: every event is in the ledger" />}
        />
        <LoadMore
          shown={deadLetters.length}
          noun="letter"
          hasMore={letters.hasNextPage}
          busy={letters.isFetchingNextPage}
          onMore={() => void letters.fetchNextPage()}
        />
      </Card>
    </Page>
  );
}
