import { createFileRoute } from "@tanstack/react-router";
import { InvoicesPage } from "@/features/invoices/invoices-page";

export const Route = createFileRoute("/_app/invoices/")({ component: Invoices });

function Invoices() {
  const navigate = Route.useNavigate();
  return (
    <InvoicesPage
      onOpen={(invoiceId) => void navigate({ to: "/invoices/$invoiceId", params: { invoiceId } })}
    />
  );
}
