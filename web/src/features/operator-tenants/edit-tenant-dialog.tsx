import { zodResolver } from "@hookform/resolvers/zod";
import { useForm, useWatch } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { money, required } from "@/components/form/rules";
import { SelectField } from "@/components/form/select-field";
import { useToast } from "@/components/ui/toast";
import { api, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";

const schema = z.object({
  name: required("A name").max(120),
  billing_email: z.union([z.literal(""), z.email("An email address")]),
  billing_mode: z.enum(["prepaid", "postpaid"]),
  credit_limit: money,
});

export function EditTenantDialog({
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
    defaultValues: {
      name: tenant.name,
      billing_email: tenant.billing_email,
      billing_mode: tenant.billing_mode,
      credit_limit: tenant.credit_limit,
    },
  });
  const { errors } = form.formState;
  const mode = useWatch({ control: form.control, name: "billing_mode" });
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      title={`Edit ${tenant.name}`}
      form={form}
      submitLabel="Save changes"
      onSubmit={async ({ billing_email, ...values }) => {
        await api.PATCH("/tenants/{tenant_id}", {
          params: { path: { tenant_id: tenant.id } },
          body: { ...values, ...(billing_email ? { billing_email } : {}) },
        });
        await invalidate("/tenants", "/tenants/{tenant_id}", "/tenants/{tenant_id}/credits");
        toast(`${values.name} saved`);
      }}
    >
      <Field label="Name" error={errors.name?.message}>
        <Input {...form.register("name")} />
      </Field>
      <Field label="Billing email" error={errors.billing_email?.message}>
        <Input type="email" {...form.register("billing_email")} />
      </Field>
      <SelectField
        control={form.control}
        name="billing_mode"
        label="Billing"
        options={[
          { value: "prepaid", label: "Prepaid" },
          { value: "postpaid", label: "Post-paid" },
        ]}
      />
      {mode === "postpaid" ? (
        <Field label="Credit limit" error={errors.credit_limit?.message}>
          <Input prefix="$" inputMode="decimal" {...form.register("credit_limit")} />
        </Field>
      ) : null}
    </FormDialog>
  );
}
