import { Plus } from "lucide-react";
import { UsageChart } from "@/components/chart/usage-chart";
import { RangeSelect } from "@/components/form/range-select";
import { LinkButton } from "@/components/ui/button";
import { Page } from "@/components/ui/page";
import { query } from "@/lib/api/client";
import { useSession } from "@/lib/auth/session";
import { type Range, spanOf } from "@/lib/url/range";
import { FirstSteps } from "./first-steps";
import { LowBalance } from "./low-balance";
import { OverviewStats } from "./overview-stats";
import { RecentRequests } from "./recent-requests";

export function OverviewPage({
  range,
  onRangeChange,
}: {
  range: Range;
  onRangeChange: (range: Range) => void;
}) {
  const { me, can } = useSession();
  const span = spanOf(range);
  const usage = query.useQuery(
    "get",
    "/usage",
    {
      params: {
        query: { group_by: ["day", "model"], from: span.days[0], to: span.days.at(-1) },
      },
    },
    { refetchInterval: 15_000 },
  );
  const rows = usage.data?.items ?? [];
  return (
    <Page
      title="Overview"
      description={me.tenant.name}
      actions={
        can("topups.write") ? (
          <LinkButton
            to="/credits"
            search={{ topup: true }}
            variant="primary"
            icon={<Plus className="size-4" aria-hidden />}
          >
            Add credits
          </LinkButton>
        ) : null
      }
    >
      <LowBalance />
      <OverviewStats />
      <FirstSteps />
      <UsageChart
        title="Spend"
        description="By model, per UTC day"
        rows={rows}
        days={span.days}
        by="model"
        measure="cost"
        loading={usage.isPending}
        error={usage.error}
        onRetry={() => void usage.refetch()}
        actions={
          <RangeSelect
            value={range}
            onChange={onRangeChange}
            only={["7d", "30d", "90d", "month"]}
          />
        }
      />
      <RecentRequests />
    </Page>
  );
}
