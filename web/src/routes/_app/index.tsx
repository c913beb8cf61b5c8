import { createFileRoute, redirect, stripSearchParams } from "@tanstack/react-router";
import { z } from "zod";
import { OverviewPage } from "@/features/overview/overview-page";
import { isPlatform, sessionOptions } from "@/lib/auth/session";
import { rangeParam } from "@/lib/url/search";

export const Route = createFileRoute("/_app/")({
  validateSearch: z.object({ range: rangeParam("30d") }),
  beforeLoad: async ({ context }) => {
    const me = await context.queryClient.ensureQueryData(sessionOptions);
    // The platform itself spends nothing: its staff start with the tenants.
    if (isPlatform(me)) throw redirect({ to: "/operator/tenants" });
  },
  // Addresses carry only what differs from the start.
  search: { middlewares: [stripSearchParams({ range: "30d" })] },
  component: Overview,
});

function Overview() {
  const { range } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <OverviewPage
      range={range}
      onRangeChange={(next) => void navigate({ search: { range: next }, replace: true })}
    />
  );
}
