import { zodResolver } from "@hookform/resolvers/zod";
import { useState } from "react";
import { useForm, useWatch } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { optionalMoney, required } from "@/components/form/rules";
import { SelectField } from "@/components/form/select-field";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { Dialog } from "@/components/ui/dialog";
import { api, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";

const schema = z.object({
  name: required("A name").max(120),
  owner: z.email("An email address"),
  billing_mode: z.enum(["prepaid", "postpaid"]),
  credit_limit: optionalMoney,
});

type Created = Schema<"TenantCreated">;

/** Makes a tenant with its first owner, and shows the owner's first password once. */
export function CreateTenantDialog({
  onClose,
  onCreated,
}: {
  onClose: () => void;
  onCreated: (tenant: Created) => void;
}) {
  const invalidate = useInvalidate();
  const [created, setCreated] = useState<Created>();
  const form = useForm<z.infer<typeof schema>>({
    resolver: zodResolver(schema),
    defaultValues: { name: "", owner: "", billing_mode: "prepaid", credit_limit: "" },
  });
  const { errors } = form.formState;
  const mode = useWatch({ control: form.control, name: "billing_mode" });

  if (created) return <FirstPassword created={created} onDone={() => onCreated(created)} />;

  return (
    <FormDialog
      open
      onOpenChange={(open) => {
        if (!open && !form.formState.isSubmitting) onClose();
      }}
      title="Create a tenant"
      form={form}
      submitLabel="Create tenant"
      onSubmit={async (values, idempotencyKey) => {
        const { data } = await api.POST("/tenants", {
          params: { header: { "Idempotency-Key": idempotencyKey } },
          body: {
            name: values.name,
            billing_mode: values.billing_mode,
            billing_email: values.owner,
            owner: { email: values.owner },
            ...(values.billing_mode === "postpaid" && values.credit_limit
              ? { credit_limit: values.credit_limit }
              : {}),
          },
        });
        await invalidate("/tenants");
        if (!data) return;
        if (data.owner?.initial_password) setCreated(data);
        else onCreated(data);
      }}
    >
      <Field label="Name" error={errors.name?.message}>
        <Input autoFocus {...form.register("name")} />
      </Field>
      <Field
        label="Owner’s email"
        hint="Also the billing address; can be changed later"
        error={errors.owner?.message}
      >
        <Input type="email" {...form.register("owner")} />
      </Field>
      <SelectField
        control={form.control}
        name="billing_mode"
        label="Billing"
        options={[
          { value: "prepaid", label: "Prepaid", hint: "from credit" },
          { value: "postpaid", label: "Post-paid", hint: "monthly invoice" },
        ]}
      />
      {mode === "postpaid" ? (
        <Field
          label="Credit limit"
          hint="How much may be owed before calls are refused"
          error={errors.credit_limit?.message}
        >
          <Input prefix="$" inputMode="decimal" {...form.register("credit_limit")} />
        </Field>
      ) : null}
    </FormDialog>
  );
}

function FirstPassword({ created, onDone }: { created: Created; onDone: () => void }) {
  const password = created.owner?.initial_password ?? "";
  return (
    <Dialog
      open
      dismissible={false}
      onOpenChange={onDone}
      title={`${created.name} is ready`}
      description={`The first password of ${created.owner?.email ?? "the owner"}, shown this once.`}
      footer={
        <Button variant="primary" onClick={onDone}>
          I have passed it on
        </Button>
      }
    >
      <div className="flex flex-wrap items-center gap-3 rounded-md border border-accent bg-accent-soft p-3">
        <code className="min-w-0 flex-1 select-all text-sm [overflow-wrap:anywhere]">
          {password}
        </code>
        <CopyButton text={password} label="Copy password" variant="primary" />
      </div>
    </Dialog>
  );
}
