import { Download, ScrollText, X } from "lucide-react";
import { useMemo, useState } from "react";
import { FilterSelect } from "@/components/form/filter-select";
import { RangeSelect } from "@/components/form/range-select";
import { DataTable } from "@/components/table/data-table";
import { LoadMore } from "@/components/table/load-more";
import { Button, LinkButton } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { Page } from "@/components/ui/page";
import { useToast } from "@/components/ui/toast";
import { csvApi, query, type Schema } from "@/lib/api/client";
import { errorText } from "@/lib/api/errors";
import { useKeyChoices, useModelChoices } from "@/lib/api/lookups";
import { cursorPaging, flatten, PAGE_SIZE } from "@/lib/api/paging";
import { downloadText } from "@/lib/format/download";
import { className, stateWord } from "@/lib/format/words";
import { type Range, spanOf } from "@/lib/url/range";
import { requestColumns } from "./request-columns";
import { RequestDrawer } from "./request-drawer";

export const OUTCOMES = [
  "ok",
  "client_gone",
  "upstream_error",
  "client_error",
  "cut",
  "crashed",
] as const;

export interface RequestSearch {
  range: Range;
  model?: string | undefined;
  key?: string | undefined;
  outcome?: Schema<"Outcome"> | undefined;
  /** Only what this invoice bills; the range then does not apply. */
  invoice?: string | undefined;
  class?: Schema<"TokenClass"> | undefined;
  /** The request in the drawer. */
  id?: string | undefined;
}

export function RequestsPage({
  search,
  onSearchChange,
}: {
  search: RequestSearch;
  onSearchChange: (patch: Partial<RequestSearch>) => void;
}) {
  const toast = useToast();
  const [exporting, setExporting] = useState(false);
  const keys = useKeyChoices();
  const models = useModelChoices();
  const span = spanOf(search.range);
  const filter = {
    model: search.model,
    key_id: search.key,
    outcome: search.outcome,
    invoice_id: search.invoice,
    class: search.class,
    ...(search.invoice ? {} : { from: span.from, to: span.to }),
  };
  const requests = query.useInfiniteQuery(
    "get",
    "/requests",
    { params: { query: { ...filter, limit: PAGE_SIZE } } },
    { ...cursorPaging, refetchInterval: 5_000 },
  );
  const rows = flatten(requests.data);
  const columns = useMemo(
    () => requestColumns((id) => onSearchChange({ id }), search.class),
    [onSearchChange, search.class],
  );

  const exportCSV = async () => {
    setExporting(true);
    try {
      const { data } = await csvApi.GET("/requests", {
        params: { query: { ...filter, format: "csv" } },
        parseAs: "text",
      });
      downloadText("starlane-requests.csv", data ?? "");
    } catch (error) {
      toast(errorText(error), "danger");
    } finally {
      setExporting(false);
    }
  };

  return (
    <Page
      title="Requests"
      description="Counts, times and costs of every call, without prompts and answers."
      actions={
        <Button
          busy={exporting}
          onClick={() => void exportCSV()}
          icon={<Download className="size-4" aria-hidden />}
        >
          Export CSV
        </Button>
      }
    >
      <div className="flex flex-wrap items-center gap-2">
        {search.invoice || search.class ? (
          <Button
            size="sm"
            onClick={() => onSearchChange({ invoice: undefined, class: undefined })}
            icon={<X className="size-4" aria-hidden />}
          >
            {narrowing(search)}
          </Button>
        ) : null}
        {search.invoice ? null : (
          <RangeSelect value={search.range} onChange={(range) => onSearchChange({ range })} />
        )}
        <FilterSelect
          label="Model"
          anyLabel="All models"
          value={search.model}
          options={models}
          onChange={(model) => onSearchChange({ model })}
        />
        <FilterSelect
          label="Key"
          anyLabel="All keys"
          value={search.key}
          options={keys}
          onChange={(key) => onSearchChange({ key })}
        />
        <FilterSelect
          label="Outcome"
          anyLabel="All outcomes"
          value={search.outcome}
          options={OUTCOMES.map((value) => ({ value, label: stateWord(value).text }))}
          onChange={(picked) =>
            onSearchChange({ outcome: OUTCOMES.find((outcome) => outcome === picked) })
          }
        />
      </div>
      {requests.error ? (
        <LoadError error={requests.error} onRetry={() => void requests.refetch()} />
      ) : (
        <Card>
          <DataTable
            columns={columns}
            rows={rows}
            rowId={(row) => row.id}
            label="Requests"
            loading={requests.isPending}
            sortable={false}
            onRowClick={(row) => onSearchChange({ id: row.id })}
            empty={
              <Empty
                icon={<ScrollText aria-hidden />}
                title="No requests match"
                action={
                  <LinkButton to="/keys" search={{ create: true }}>
                    Create a key and send one
                  </LinkButton>
                }
              >
                Widen the time range, drop a filter, or send a request.
              </Empty>
            }
          />
          <LoadMore
            shown={rows.length}
            noun="request"
            hasMore={requests.hasNextPage}
            busy={requests.isFetchingNextPage}
            onMore={() => void requests.fetchNextPage()}
          />
        </Card>
      )}
      <RequestDrawer id={search.id} onClose={() => onSearchChange({ id: undefined })} />
    </Page>
  );
}

function narrowing({ invoice, class: tokenClass }: RequestSearch): string {
  const name = tokenClass ? className(tokenClass) : "";
  if (!invoice) return `Only ${name}`;
  return name ? `Behind one invoice line: ${name}` : "Behind one invoice line";
}
