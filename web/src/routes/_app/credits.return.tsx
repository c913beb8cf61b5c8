import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod";
import { ReturnPage } from "@/features/credits/return-page";
import { textParam } from "@/lib/url/search";

export const Route = createFileRoute("/_app/credits/return")({
  validateSearch: z.object({
    topup: textParam,
    topup_id: textParam,
    status: textParam,
    cancelled: z
      .union([z.boolean(), z.literal(1)])
      .optional()
      .catch(undefined),
  }),
  component: Return,
});

function Return() {
  const search = Route.useSearch();
  return (
    <ReturnPage
      topupId={search.topup ?? search.topup_id}
      cancelled={Boolean(search.cancelled) || search.status?.startsWith("cancel") === true}
    />
  );
}
