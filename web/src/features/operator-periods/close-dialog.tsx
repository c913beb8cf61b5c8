import { useId, useState } from "react";
import { Confirm } from "@/components/ui/confirm";
import { Switch } from "@/components/ui/switch";
import { useToast } from "@/components/ui/toast";
import { api, newIdempotencyKey, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { formatPeriod } from "@/lib/format/time";

/** Asks before a month is closed, or before the running month is invoiced so far. */
export function CloseDialog({
  period,
  running,
  onClose,
}: {
  period: Schema<"Period">;
  /** The month is not over: it is invoiced so far and stays open. */
  running: boolean;
  onClose: () => void;
}) {
  const id = useId();
  const toast = useToast();
  const invalidate = useInvalidate();
  const [force, setForce] = useState(running);
  const month = formatPeriod(period.month);
  return (
    <Confirm
      open
      onOpenChange={onClose}
      tone="primary"
      title={running ? `Invoice ${month} so far?` : `Close ${month}?`}
      confirmLabel={running ? "Make invoices" : "Close month"}
      onConfirm={async () => {
        await api.POST("/periods/{month}/close", {
          params: {
            path: { month: period.month },
            header: { "Idempotency-Key": newIdempotencyKey() },
          },
          body: { force },
        });
        await invalidate("/periods", "/invoices");
        toast(running ? `${month} is being invoiced` : `${month} is being closed`);
      }}
    >
      {running ? (
        <p>
          What was used until now goes on an invoice for every tenant. The month stays open, and the
          rest follows on its next invoice.
        </p>
      ) : (
        <div className="flex flex-col gap-4">
          <p>
            Invoices are made for every tenant, compared with the ledger and handed to Stripe. A
            closed month never changes; late usage goes to the open one.
          </p>
          <div className="flex items-center gap-3">
            <Switch
              id={id}
              checked={force}
              onChange={setForce}
              label="Do not wait for late usage"
            />
            <label htmlFor={id}>Do not wait for late usage</label>
          </div>
        </div>
      )}
    </Confirm>
  );
}
