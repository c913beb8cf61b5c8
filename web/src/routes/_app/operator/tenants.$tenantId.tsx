import { createFileRoute } from "@tanstack/react-router";
import { TenantPage } from "@/features/operator-tenants/tenant-page";

export const Route = createFileRoute("/_app/operator/tenants/$tenantId")({ component: Tenant });

function Tenant() {
  const { tenantId } = Route.useParams();
  return <TenantPage id={tenantId} />;
}
