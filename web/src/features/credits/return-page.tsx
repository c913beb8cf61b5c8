import { CircleAlert, CircleCheck, LoaderCircle } from "lucide-react";
import { useEffect } from "react";
import { LinkButton } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { LoadError } from "@/components/ui/load-error";
import { Money } from "@/components/ui/money";
import { Page } from "@/components/ui/page";
import { query, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";

const SETTLED: Schema<"Topup">["state"][] = ["credited", "expired", "failed", "quarantined"];
const POLL_MS = 1000;

/** Where the payment page sends the buyer back to: waits until the credit is really there. */
export function ReturnPage({
  topupId,
  cancelled,
}: {
  topupId: string | undefined;
  cancelled: boolean;
}) {
  const invalidate = useInvalidate();
  const latest = query.useQuery(
    "get",
    "/topups",
    { params: { query: { limit: 1 } } },
    { enabled: topupId === undefined },
  );
  const id = topupId ?? latest.data?.items[0]?.id;
  const topup = query.useQuery(
    "get",
    "/topups/{topup_id}",
    { params: { path: { topup_id: id ?? "" } } },
    {
      enabled: id !== undefined,
      refetchInterval: ({ state }) =>
        cancelled || (state.data && SETTLED.includes(state.data.state)) ? false : POLL_MS,
    },
  );
  const balance = query.useQuery("get", "/balance");
  const credited = topup.data?.state === "credited";

  useEffect(() => {
    if (credited) void invalidate("/balance", "/credits", "/topups");
  }, [credited, invalidate]);

  return (
    <Page title="Add credits">
      <Card className="mx-auto w-full max-w-[32rem]">
        <div className="flex flex-col items-center gap-4 px-6 py-12 text-center" aria-live="polite">
          {topup.error ? (
            <LoadError error={topup.error} onRetry={() => void topup.refetch()} />
          ) : (
            <Progress
              topup={topup.data}
              cancelled={cancelled}
              balance={credited ? balance.data?.balance : undefined}
            />
          )}
          <div className="mt-2 flex flex-wrap justify-center gap-2">
            <LinkButton to="/credits" variant={credited ? "primary" : "secondary"}>
              Go to credits
            </LinkButton>
            {credited ? <LinkButton to="/">Overview</LinkButton> : null}
          </div>
        </div>
      </Card>
    </Page>
  );
}

function Progress({
  topup,
  cancelled,
  balance,
}: {
  topup: Schema<"Topup"> | undefined;
  cancelled: boolean;
  balance: string | undefined;
}) {
  if (topup?.state === "credited") {
    return (
      <>
        <CircleCheck className="size-10 text-success" aria-hidden />
        <h2 className="font-semibold text-xl">
          <Money value={topup.amount} /> added
        </h2>
        <p className="text-muted text-sm">
          {balance ? (
            <>
              The balance is now <Money value={balance} className="font-medium text-fg" />.
            </>
          ) : (
            "The balance is being updated."
          )}
        </p>
      </>
    );
  }
  if (cancelled || (topup && SETTLED.includes(topup.state))) {
    return (
      <>
        <CircleAlert className="size-10 text-warning" aria-hidden />
        <h2 className="font-semibold text-xl">
          {cancelled ? "Payment cancelled" : "Not credited"}
        </h2>
        <p className="text-muted text-sm">
          {topup?.state === "quarantined"
            ? "The payment needs a look by the operator before it is credited."
            : "Nothing was charged. You can start again at any time."}
        </p>
      </>
    );
  }
  return (
    <>
      <LoaderCircle className="size-10 animate-spin text-accent-text" aria-hidden />
      <h2 className="font-semibold text-xl">Waiting for the payment</h2>
      <p className="text-muted text-sm">
        Stripe confirms it in a moment. You may close this page: the credit arrives either way.
      </p>
    </>
  );
}
