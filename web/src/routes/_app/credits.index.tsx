import { createFileRoute, redirect } from "@tanstack/react-router";
import { z } from "zod";
import { CreditsPage } from "@/features/credits/credits-page";

/** The payment page sends the buyer back with `paid` or `cancelled`; `true` opens the dialog. */
const topup = z.union([z.boolean(), z.enum(["paid", "cancelled"])]);

export const Route = createFileRoute("/_app/credits/")({
  validateSearch: z.object({ topup: topup.optional().catch(undefined) }),
  beforeLoad: ({ search }) => {
    if (search.topup === "paid" || search.topup === "cancelled") {
      throw redirect({ to: "/credits/return", search: { status: search.topup }, replace: true });
    }
  },
  component: Credits,
});

function Credits() {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <CreditsPage
      topup={search.topup === true}
      onTopupChange={(open) =>
        void navigate({ search: { topup: open || undefined }, replace: true })
      }
    />
  );
}
