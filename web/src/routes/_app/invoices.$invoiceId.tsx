import { createFileRoute } from "@tanstack/react-router";
import { InvoicePage } from "@/features/invoices/invoice-page";

export const Route = createFileRoute("/_app/invoices/$invoiceId")({ component: Invoice });

function Invoice() {
  const { invoiceId } = Route.useParams();
  return <InvoicePage id={invoiceId} />;
}
