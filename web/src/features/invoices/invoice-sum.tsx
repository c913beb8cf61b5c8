import { CircleCheck, TriangleAlert } from "lucide-react";
import { Card, CardBody, CardHeader } from "@/components/ui/card";
import { Money } from "@/components/ui/money";
import type { Schema } from "@/lib/api/client";
import { compareMoney, negateMoney, sumMoney } from "@/lib/format/money";

type Invoice = Schema<"Invoice">;

/** usage − credit + carried in = billed + carried out, checked here on the figures themselves. */
export function invoiceAddsUp(invoice: Invoice): boolean {
  const left = sumMoney([invoice.usage, negateMoney(invoice.credit), invoice.carry_in]);
  return compareMoney(left, sumMoney([invoice.billed, invoice.carry_out])) === 0;
}

export function InvoiceSum({ invoice }: { invoice: Invoice }) {
  const ok = invoiceAddsUp(invoice);
  return (
    <Card>
      <CardHeader title="How it adds up" />
      <CardBody>
        <dl className="text-sm">
          <Row term="Usage" value={invoice.usage} />
          <Row term="Covered by prepaid credit" value={negateMoney(invoice.credit)} />
          <Row term="Fractions of a cent from the month before" value={invoice.carry_in} />
          <Row
            term="Fractions of a cent to the next month"
            value={negateMoney(invoice.carry_out)}
          />
          <Row term="Billed" value={invoice.billed} total />
          <Row term="Tax" value={invoice.tax} />
          <Row term="To pay" value={sumMoney([invoice.billed, invoice.tax])} total />
        </dl>
        <p
          className={
            ok
              ? "mt-4 flex items-center gap-2 text-sm text-success"
              : "mt-4 flex items-center gap-2 text-danger text-sm"
          }
        >
          {ok ? (
            <CircleCheck className="size-4 shrink-0" aria-hidden />
          ) : (
            <TriangleAlert className="size-4 shrink-0" aria-hidden />
          )}
          {ok
            ? "The figures agree to the nano-dollar."
            : "The figures do not agree. Please tell the operator."}
        </p>
      </CardBody>
    </Card>
  );
}

function Row({ term, value, total = false }: { term: string; value: string; total?: boolean }) {
  return (
    <div
      className={
        total
          ? "flex items-baseline justify-between gap-6 border-border-strong border-t py-2 font-semibold"
          : "flex items-baseline justify-between gap-6 py-2"
      }
    >
      <dt className={total ? "" : "text-muted"}>{term}</dt>
      <dd>
        <Money value={value} precision="exact" />
      </dd>
    </div>
  );
}
