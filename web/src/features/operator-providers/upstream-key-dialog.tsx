import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { required, weight } from "@/components/form/rules";
import { api, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { dialects } from "./dialects";

const schema = z.object({
  name: required("A name").max(120),
  secret: z.string().min(8, "At least 8 characters").max(10_000),
  weight,
});

export function UpstreamKeyDialog({
  provider,
  account,
  onClose,
}: {
  provider: Schema<"Provider">;
  account: Schema<"Account">;
  onClose: () => void;
}) {
  const invalidate = useInvalidate();
  const form = useForm<z.infer<typeof schema>>({
    resolver: zodResolver(schema),
    defaultValues: { name: "", secret: "", weight: "100" },
  });
  const { errors } = form.formState;
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      title={`Add a key to ${account.name}`}
      description="Encrypted on arrival. Only its last four characters are ever shown."
      form={form}
      submitLabel="Add key"
      onSubmit={async (values, idempotencyKey) => {
        await api.POST("/upstream-keys", {
          params: { header: { "Idempotency-Key": idempotencyKey } },
          body: { ...values, account_id: account.id, weight: Number(values.weight) },
        });
        await invalidate("/upstream-keys", "/models");
      }}
    >
      <Field label="Name" error={errors.name?.message}>
        <Input autoFocus placeholder="Key 1" {...form.register("name")} />
      </Field>
      <Field
        label="Credential"
        hint={dialects[provider.dialect].credential}
        error={errors.secret?.message}
      >
        <Input type="password" mono autoComplete="new-password" {...form.register("secret")} />
      </Field>
      <Field
        label="Weight"
        hint="Share of the traffic among the keys of this account, 1 to 1000"
        error={errors.weight?.message}
      >
        <Input inputMode="numeric" {...form.register("weight")} />
      </Field>
    </FormDialog>
  );
}
