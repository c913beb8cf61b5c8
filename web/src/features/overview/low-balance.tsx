import { Alert } from "@/components/ui/alert";
import { LinkButton } from "@/components/ui/button";
import { query } from "@/lib/api/client";
import { useSession } from "@/lib/auth/session";
import { compareMoney, formatMoney } from "@/lib/format/money";

/** Below this a prepaid tenant is told before calls are refused. */
const LOW = "5";

export function LowBalance() {
  const { me, can } = useSession();
  const { data } = query.useQuery("get", "/balance");
  if (me.tenant.status === "suspended") {
    return (
      <Alert tone="danger" title="This organisation is suspended">
        Its keys are refused. Ask the operator of this installation to restore it.
      </Alert>
    );
  }
  if (data?.billing_mode !== "prepaid" || compareMoney(data.balance, LOW) >= 0) return null;
  const empty = compareMoney(data.balance, "0") <= 0;
  return (
    <Alert
      tone={empty ? "danger" : "warning"}
      title={empty ? "The credit is used up" : "The credit runs low"}
      action={
        can("topups.write") ? (
          <LinkButton to="/credits" search={{ topup: true }} size="sm">
            Add credits
          </LinkButton>
        ) : undefined
      }
    >
      {empty
        ? "New requests are refused with insufficient_credit until credit is added."
        : `${formatMoney(data.balance)} left. Requests are refused when it is used up.`}
    </Alert>
  );
}
