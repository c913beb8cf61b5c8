import { ArrowLeft, Download, ExternalLink } from "lucide-react";
import { useState } from "react";
import { DataTable } from "@/components/table/data-table";
import { LoadMore } from "@/components/table/load-more";
import { Button, buttonClass, TextLink } from "@/components/ui/button";
import { Card, CardHeader } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { Page } from "@/components/ui/page";
import { SkeletonBlock } from "@/components/ui/skeleton";
import { StateBadge } from "@/components/ui/state-badge";
import { useToast } from "@/components/ui/toast";
import { csvApi, query, type Schema } from "@/lib/api/client";
import { errorText } from "@/lib/api/errors";
import { ALL, cursorPaging, flatten } from "@/lib/api/paging";
import { downloadText } from "@/lib/format/download";
import { formatPeriod, formatUTC } from "@/lib/format/time";
import { InvoiceSum } from "./invoice-sum";
import { lineColumns } from "./line-columns";

export function InvoicePage({ id }: { id: string }) {
  const path = { params: { path: { invoice_id: id } } };
  const invoice = query.useQuery("get", "/invoices/{invoice_id}", path);
  const lines = query.useInfiniteQuery(
    "get",
    "/invoices/{invoice_id}/lines",
    { params: { path: { invoice_id: id }, query: { limit: ALL } } },
    cursorPaging,
  );
  const rows = flatten(lines.data);
  const found = invoice.data;
  return (
    <Page
      eyebrow={
        <TextLink to="/invoices" className="inline-flex items-center gap-1">
          <ArrowLeft className="size-4" aria-hidden /> Invoices
        </TextLink>
      }
      name={found?.number}
      title={
        <span className="flex flex-wrap items-center gap-3">
          {found?.number ?? "Invoice"}
          {found ? <StateBadge state={found.state} /> : null}
        </span>
      }
      description={found ? <Span invoice={found} /> : null}
      actions={
        found ? <Actions id={id} number={found.number} hostedUrl={found.hosted_url} /> : null
      }
    >
      {invoice.error ? (
        <LoadError error={invoice.error} onRetry={() => void invoice.refetch()} />
      ) : null}
      {found ? (
        <InvoiceSum invoice={found} />
      ) : invoice.isPending ? (
        <Card className="p-5">
          <SkeletonBlock lines={6} label="Loading the invoice" />
        </Card>
      ) : null}
      <Card>
        <CardHeader
          title="Lines"
          description="By model and token class. Follow a line to the requests behind it."
        />
        <DataTable
          columns={lineColumns(id)}
          rows={rows}
          rowId={(line) => String(line.position)}
          label="Invoice lines"
          loading={lines.isPending}
          empty={<Empty title="No lines">Nothing was used in this month.</Empty>}
        />
        <LoadMore
          shown={rows.length}
          noun="line"
          hasMore={lines.hasNextPage}
          busy={lines.isFetchingNextPage}
          onMore={() => void lines.fetchNextPage()}
        />
      </Card>
    </Page>
  );
}

function Span({ invoice }: { invoice: Schema<"Invoice"> }) {
  return (
    <>
      {formatPeriod(invoice.month)}: what was posted from {formatUTC(invoice.period_start)} to
      before {formatUTC(invoice.period_end)}
    </>
  );
}

function Actions({
  id,
  number,
  hostedUrl,
}: {
  id: string;
  number: string;
  hostedUrl: string | null;
}) {
  const toast = useToast();
  const [busy, setBusy] = useState(false);
  const download = async () => {
    setBusy(true);
    try {
      const { data } = await csvApi.GET("/invoices/{invoice_id}/csv", {
        params: { path: { invoice_id: id } },
        parseAs: "text",
      });
      downloadText(`${number}.csv`, data ?? "");
    } catch (error) {
      toast(errorText(error), "danger");
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button
        busy={busy}
        onClick={() => void download()}
        icon={<Download className="size-4" aria-hidden />}
      >
        CSV
      </Button>
      {hostedUrl ? (
        <a
          href={hostedUrl}
          target="_blank"
          rel="noreferrer"
          className={buttonClass("primary", "md")}
        >
          <ExternalLink className="size-4" aria-hidden />
          Open at Stripe
        </a>
      ) : null}
    </>
  );
}
