import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod";
import { ReturnPage } from "@/features/credits/return-page";
import { textParam } from "@/lib/url/search";

export const Route = createFileRoute("/_app/credits/return")({
  validateSearch: z.object({
    id: textParam,
    status: z.enum(["paid", "cancelled"]).optional().catch(undefined),
  }),
  component: Return,
});

function Return() {
  const { id, status } = Route.useSearch();
  return <ReturnPage topupId={id} cancelled={status === "cancelled"} />;
}
