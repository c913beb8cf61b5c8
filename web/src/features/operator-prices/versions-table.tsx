import { type Column, DataTable } from "@/components/table/data-table";
import { LoadMore } from "@/components/table/load-more";
import { Badge } from "@/components/ui/badge";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { Money } from "@/components/ui/money";
import { Time } from "@/components/ui/time";
import { query, type Schema } from "@/lib/api/client";
import { cursorPaging, flatten, PAGE_SIZE } from "@/lib/api/paging";
import { byClass, className } from "@/lib/format/words";

type Version = Schema<"PriceVersion">;

/** The versions that count now: of each model the one valid latest, then the one recorded last. */
export function versionsInForce(versions: Version[], now = new Date()): Set<number> {
  const best = new Map<string, Version>();
  for (const version of versions) {
    if (new Date(version.valid_from) > now) continue;
    const other = best.get(version.model);
    const later =
      !other ||
      version.valid_from > other.valid_from ||
      (version.valid_from === other.valid_from && version.id > other.id);
    if (later) best.set(version.model, version);
  }
  return new Set([...best.values()].map((version) => version.id));
}

function columnsFor(inForce: Set<number>): Column<Version>[] {
  return [
    {
      id: "model",
      header: "Model",
      cell: ({ row: { original: version } }) => (
        <div className="py-2">
          <span className="font-medium">{version.model}</span>
          <p className="text-faint text-xs md:hidden">
            from <Time value={version.valid_from} />
          </p>
        </div>
      ),
    },
    {
      id: "state",
      header: "State",
      meta: { from: "sm" },
      cell: ({ row: { original: version } }) => {
        if (inForce.has(version.id)) return <Badge tone="success">In force</Badge>;
        return new Date(version.valid_from) > new Date() ? (
          <Badge tone="accent">Upcoming</Badge>
        ) : (
          <Badge>Past</Badge>
        );
      },
    },
    {
      id: "from",
      header: "Valid from",
      meta: { from: "md" },
      cell: ({ row }) => <Time value={row.original.valid_from} />,
    },
    {
      id: "source",
      header: "Source",
      meta: { from: "lg" },
      cell: ({ row }) => (
        <span className="block max-w-52 truncate text-muted" title={row.original.source}>
          {row.original.source || "not given"}
        </span>
      ),
    },
    {
      id: "rates",
      header: "USD per million units",
      meta: { align: "right" },
      cell: ({ row }) => (
        <ul className="flex flex-col items-end gap-0.5 py-2">
          {Object.entries(row.original.rates)
            .sort(([a], [b]) => byClass(a, b))
            .map(([name, rate]) => (
              <li key={name} className="whitespace-nowrap">
                <span className="mr-3 text-muted text-xs">{className(name)}</span>
                <Money value={rate} precision="short" />
              </li>
            ))}
        </ul>
      ),
    },
  ];
}

export function VersionsTable({ bookId }: { bookId: number }) {
  const versions = query.useInfiniteQuery(
    "get",
    "/price-books/{price_book_id}/versions",
    { params: { path: { price_book_id: bookId }, query: { limit: PAGE_SIZE } } },
    cursorPaging,
  );
  const rows = flatten(versions.data);
  if (versions.error) {
    return (
      <div className="px-5 pb-5">
        <LoadError error={versions.error} onRetry={() => void versions.refetch()} />
      </div>
    );
  }
  return (
    <>
      <DataTable
        columns={columnsFor(versionsInForce(rows))}
        rows={rows}
        rowId={(version) => String(version.id)}
        label="Price versions"
        loading={versions.isPending}
        sortable={false}
        empty={
          <Empty title="No prices in this book">A model without a price cannot be called.</Empty>
        }
      />
      <LoadMore
        shown={rows.length}
        noun="version"
        hasMore={versions.hasNextPage}
        busy={versions.isFetchingNextPage}
        onMore={() => void versions.fetchNextPage()}
      />
    </>
  );
}
