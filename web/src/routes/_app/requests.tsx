import { createFileRoute, stripSearchParams } from "@tanstack/react-router";
import { useCallback } from "react";
import { z } from "zod";
import { OUTCOMES, type RequestSearch, RequestsPage } from "@/features/requests/requests-page";
import { TOKEN_CLASSES } from "@/lib/format/words";
import { rangeParam, textParam } from "@/lib/url/search";

export const Route = createFileRoute("/_app/requests")({
  validateSearch: z.object({
    range: rangeParam("7d"),
    model: textParam,
    key: textParam,
    outcome: z.enum(OUTCOMES).optional().catch(undefined),
    invoice: textParam,
    class: z.enum(TOKEN_CLASSES).optional().catch(undefined),
    id: textParam,
  }),
  // Addresses carry only what differs from the start.
  search: { middlewares: [stripSearchParams({ range: "7d" })] },
  component: Requests,
});

function Requests() {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const change = useCallback(
    (patch: Partial<RequestSearch>) =>
      // Opening a request is a step to come back from; a filter is not.
      void navigate({
        search: (before) => ({ ...before, ...patch }),
        replace: patch.id === undefined,
      }),
    [navigate],
  );
  return <RequestsPage search={search} onSearchChange={change} />;
}
