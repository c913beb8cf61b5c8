import { createFileRoute, stripSearchParams } from "@tanstack/react-router";
import { z } from "zod";
import { UsagePage } from "@/features/usage/usage-page";
import { rangeParam, textParam } from "@/lib/url/search";
import { DIMENSIONS, MEASURES } from "@/lib/usage/series";

export const Route = createFileRoute("/_app/usage")({
  validateSearch: z.object({
    range: rangeParam("30d"),
    by: z.enum(DIMENSIONS).default("model").catch("model"),
    measure: z.enum(MEASURES).default("cost").catch("cost"),
    model: textParam,
    key: textParam,
  }),
  // Addresses carry only what differs from the start.
  search: { middlewares: [stripSearchParams({ range: "30d", by: "model", measure: "cost" })] },
  component: Usage,
});

function Usage() {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <UsagePage
      search={search}
      onSearchChange={(patch) =>
        void navigate({ search: (before) => ({ ...before, ...patch }), replace: true })
      }
    />
  );
}
