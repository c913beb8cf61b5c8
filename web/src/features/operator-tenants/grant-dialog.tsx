import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { positiveMoney, required } from "@/components/form/rules";
import { SelectField } from "@/components/form/select-field";
import { useToast } from "@/components/ui/toast";
import { api, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { formatMoney } from "@/lib/format/money";

const schema = z.object({
  kind: z.enum(["promo", "adjustment"]),
  amount: positiveMoney,
  reason: required("A reason").max(200),
  days: z.enum(["never", "30", "90", "365"]),
});

/** Gives credit by hand; the reason stays in the ledger and the audit log. */
export function GrantDialog({
  tenant,
  onClose,
}: {
  tenant: Schema<"Tenant">;
  onClose: () => void;
}) {
  const toast = useToast();
  const invalidate = useInvalidate();
  const form = useForm<z.infer<typeof schema>>({
    resolver: zodResolver(schema),
    defaultValues: { kind: "promo", amount: "", reason: "", days: "never" },
  });
  const { errors } = form.formState;
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      title={`Grant credit to ${tenant.name}`}
      form={form}
      submitLabel="Grant credit"
      onSubmit={async ({ days, ...values }, idempotencyKey) => {
        const count = Number(days);
        await api.POST("/tenants/{tenant_id}/credits", {
          params: {
            path: { tenant_id: tenant.id },
            header: { "Idempotency-Key": idempotencyKey },
          },
          body: {
            ...values,
            expires_at: Number.isInteger(count)
              ? new Date(Date.now() + count * 86_400_000).toISOString()
              : null,
          },
        });
        await invalidate("/tenants", "/tenants/{tenant_id}", "/tenants/{tenant_id}/credits");
        toast(`${formatMoney(values.amount)} granted`);
      }}
    >
      <SelectField
        control={form.control}
        name="kind"
        label="Kind"
        options={[
          { value: "promo", label: "Promotional", hint: "our expense" },
          { value: "adjustment", label: "Adjustment", hint: "corrects a bill" },
        ]}
      />
      <Field label="Amount" error={errors.amount?.message}>
        <Input prefix="$" inputMode="decimal" autoFocus {...form.register("amount")} />
      </Field>
      <Field label="Reason" error={errors.reason?.message}>
        <Input placeholder="Such as “outage on 3 March”" {...form.register("reason")} />
      </Field>
      <SelectField
        control={form.control}
        name="days"
        label="Expires"
        options={[
          { value: "never", label: "Never" },
          { value: "30", label: "In 30 days" },
          { value: "90", label: "In 90 days" },
          { value: "365", label: "In a year" },
        ]}
      />
    </FormDialog>
  );
}
