import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod";
import { AuditPage } from "@/features/audit/audit-page";
import { textParam } from "@/lib/url/search";

export const Route = createFileRoute("/_app/audit")({
  validateSearch: z.object({ area: textParam }),
  component: Audit,
});

function Audit() {
  const { area } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <AuditPage
      area={area}
      onAreaChange={(next) => void navigate({ search: { area: next }, replace: true })}
    />
  );
}
