import { ScrollText } from "lucide-react";
import { FilterSelect } from "@/components/form/filter-select";
import { type Column, DataTable } from "@/components/table/data-table";
import { LoadMore } from "@/components/table/load-more";
import { Card } from "@/components/ui/card";
import { InlineCode } from "@/components/ui/code-block";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { Page } from "@/components/ui/page";
import { Time } from "@/components/ui/time";
import { query, type Schema } from "@/lib/api/client";
import { cursorPaging, flatten, PAGE_SIZE } from "@/lib/api/paging";

type Entry = Schema<"AuditEntry">;

/** First words of actions; the API filters by prefix. */
const AREAS = [
  { value: "key", label: "Keys" },
  { value: "member", label: "Members" },
  { value: "project", label: "Projects" },
  { value: "tenant", label: "Organisation" },
  { value: "topup", label: "Top-ups" },
  { value: "credit", label: "Credit" },
  { value: "token", label: "API tokens" },
  { value: "auth", label: "Sign-in" },
];

const columns: Column<Entry>[] = [
  { id: "at", header: "Time", cell: ({ row }) => <Time value={row.original.at} style="seconds" /> },
  {
    id: "actor",
    header: "Who",
    meta: { from: "sm" },
    cell: ({ row }) => (
      <span title={row.original.actor}>{row.original.actor_name || row.original.actor}</span>
    ),
  },
  {
    id: "action",
    header: "What",
    cell: ({ row: { original: entry } }) => (
      <div className="py-2">
        <InlineCode>{entry.action}</InlineCode>
        <p className="mt-0.5 text-faint text-xs sm:hidden">{entry.actor_name || entry.actor}</p>
      </div>
    ),
  },
  {
    id: "target",
    header: "On",
    meta: { from: "md" },
    cell: ({ row }) => (
      <span
        className="block max-w-52 truncate font-mono text-muted text-xs"
        title={row.original.target}
      >
        {row.original.target}
      </span>
    ),
  },
  {
    id: "detail",
    header: "Detail",
    meta: { from: "lg" },
    cell: ({ row }) => <Detail detail={row.original.detail} />,
  },
];

function Detail({ detail }: { detail: Entry["detail"] }) {
  const text = Object.entries(detail)
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" · ");
  return (
    <span className="block max-w-96 truncate text-muted" title={text}>
      {text}
    </span>
  );
}

export function AuditPage({
  area,
  onAreaChange,
}: {
  area: string | undefined;
  onAreaChange: (area: string | undefined) => void;
}) {
  const entries = query.useInfiniteQuery(
    "get",
    "/audit",
    { params: { query: { limit: PAGE_SIZE, action: area } } },
    cursorPaging,
  );
  const rows = flatten(entries.data);
  return (
    <Page
      title="Audit log"
      description="Every change, who made it and when. Entries cannot be edited."
    >
      <div>
        <FilterSelect
          label="Area"
          anyLabel="Everything"
          value={area}
          options={AREAS}
          onChange={onAreaChange}
        />
      </div>
      {entries.error ? (
        <LoadError error={entries.error} onRetry={() => void entries.refetch()} />
      ) : (
        <Card>
          <DataTable
            columns={columns}
            rows={rows}
            rowId={(entry) => entry.id}
            label="Audit log"
            loading={entries.isPending}
            sortable={false}
            empty={
              <Empty icon={<ScrollText aria-hidden />} title="Nothing recorded">
                Changes to keys, members, credit and settings appear here.
              </Empty>
            }
          />
          <LoadMore
            shown={rows.length}
            noun="entry"
            nounMany="entries"
            hasMore={entries.hasNextPage}
            busy={entries.isFetchingNextPage}
            onMore={() => void entries.fetchNextPage()}
          />
        </Card>
      )}
    </Page>
  );
}
