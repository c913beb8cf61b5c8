import { Check, KeyRound } from "lucide-react";
import { LinkButton } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { query } from "@/lib/api/client";
import { useSession } from "@/lib/auth/session";
import { isZeroMoney } from "@/lib/format/money";

/** Shown until the first request has gone through: the way there, with what is done ticked off. */
export function FirstSteps() {
  const { me, can } = useSession();
  const keys = query.useQuery("get", "/keys", { params: { query: { limit: 1 } } });
  const requests = query.useQuery(
    "get",
    "/requests",
    { params: { query: { limit: 1 } } },
    { refetchInterval: 5_000 },
  );
  const balance = query.useQuery("get", "/balance");
  if (!keys.data || !requests.data || !balance.data || requests.data.items.length > 0) return null;
  const hasKey = keys.data.items.length > 0;
  const steps = [
    { text: "Create an API key", done: hasKey },
    {
      text: "Have some credit",
      done: balance.data.billing_mode === "postpaid" || !isZeroMoney(balance.data.balance),
    },
    { text: `Send a request to ${me.relay_base_url}`, done: false },
  ];
  return (
    <Card className="flex flex-wrap items-center justify-between gap-6 px-5 py-5">
      <div>
        <h2 className="font-semibold text-lg">Send your first request</h2>
        <ol className="mt-3 flex flex-col gap-2">
          {steps.map((step, position) => (
            <li key={step.text} className="flex items-center gap-3 text-sm">
              <span
                className={
                  step.done
                    ? "flex size-5 shrink-0 items-center justify-center rounded-full bg-success-soft text-success"
                    : "flex size-5 shrink-0 items-center justify-center rounded-full bg-hover font-medium text-muted text-xs"
                }
              >
                {step.done ? <Check className="size-3.5" aria-label="done" /> : position + 1}
              </span>
              <span className="[overflow-wrap:anywhere]">{step.text}</span>
            </li>
          ))}
        </ol>
      </div>
      {can("keys.write") ? (
        <LinkButton
          to="/keys"
          search={{ create: true }}
          variant="primary"
          icon={<KeyRound className="size-4" aria-hidden />}
        >
          Create an API key
        </LinkButton>
      ) : null}
    </Card>
  );
}
