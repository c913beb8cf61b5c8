import { TextLink } from "@/components/ui/button";
import { Money } from "@/components/ui/money";
import { Stat, StatRow } from "@/components/ui/stat";
import { query, type Schema } from "@/lib/api/client";
import { formatCompact, plural } from "@/lib/format/number";
import { spanOf } from "@/lib/url/range";

function useTotal(range: "month" | "today"): Schema<"UsageRow"> | undefined {
  const days = spanOf("month").days;
  const from = range === "today" ? days.at(-1) : days[0];
  const { data } = query.useQuery(
    "get",
    "/usage",
    { params: { query: { group_by: ["day"], from, to: days.at(-1) } } },
    { refetchInterval: 5_000 },
  );
  return data?.total;
}

/** What is left, what was spent, and how much was asked. */
export function OverviewStats() {
  const balance = query.useQuery("get", "/balance", {}, { refetchInterval: 5_000 });
  const month = useTotal("month");
  const today = useTotal("today");
  const tokens = month ? month.input_tokens + month.output_tokens : 0;
  return (
    <StatRow>
      <Stat
        label="Balance"
        value={balance.data ? <Money value={balance.data.balance} /> : undefined}
        note={<BalanceNote balance={balance.data} />}
      />
      <Stat
        label="Spent this month"
        value={month ? <Money value={month.charge} /> : undefined}
        note={
          today ? (
            <>
              <Money value={today.charge} /> today
            </>
          ) : null
        }
      />
      <Stat
        label="Requests this month"
        value={month ? formatCompact(month.requests) : undefined}
        note={today ? `${plural(today.requests, "request")} today` : null}
      />
      <Stat
        label="Tokens this month"
        value={month ? formatCompact(tokens) : undefined}
        note={
          month
            ? `${formatCompact(month.input_tokens)} in · ${formatCompact(month.output_tokens)} out`
            : null
        }
      />
    </StatRow>
  );
}

function BalanceNote({ balance }: { balance: Schema<"Balance"> | undefined }) {
  if (!balance) return null;
  if (balance.billing_mode === "postpaid") {
    return (
      <>
        Credit limit <Money value={balance.credit_limit} />
      </>
    );
  }
  return <TextLink to="/credits">Credit lots and top-ups</TextLink>;
}
