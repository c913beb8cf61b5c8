import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod";
import { CreditsPage } from "@/features/credits/credits-page";
import { flagParam } from "@/lib/url/search";

export const Route = createFileRoute("/_app/credits/")({
  validateSearch: z.object({ topup: flagParam }),
  component: Credits,
});

function Credits() {
  const { topup } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <CreditsPage
      topup={topup === true}
      onTopupChange={(open) =>
        void navigate({ search: { topup: open || undefined }, replace: true })
      }
    />
  );
}
