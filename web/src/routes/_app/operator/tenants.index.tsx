import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod";
import { STATUSES, TenantsPage } from "@/features/operator-tenants/tenants-page";

export const Route = createFileRoute("/_app/operator/tenants/")({
  validateSearch: z.object({ status: z.enum(STATUSES).optional().catch(undefined) }),
  component: Tenants,
});

function Tenants() {
  const { status } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <TenantsPage
      status={status}
      onStatusChange={(next) => void navigate({ search: { status: next }, replace: true })}
      onOpen={(tenantId) =>
        void navigate({ to: "/operator/tenants/$tenantId", params: { tenantId } })
      }
    />
  );
}
