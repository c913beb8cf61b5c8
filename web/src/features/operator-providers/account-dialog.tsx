import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { required } from "@/components/form/rules";
import { api, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";

const schema = z.object({
  name: required("A name").max(120),
  base_url: z
    .string()
    .max(500)
    .regex(/^https?:\/\/./, "An address that starts with https://"),
});

export function AccountDialog({
  providerId,
  account,
  onClose,
}: {
  providerId: string;
  account?: Schema<"Account">;
  onClose: () => void;
}) {
  const invalidate = useInvalidate();
  const form = useForm<z.infer<typeof schema>>({
    resolver: zodResolver(schema),
    defaultValues: { name: account?.name ?? "", base_url: account?.base_url ?? "" },
  });
  const { errors } = form.formState;
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      title={account ? `Edit ${account.name}` : "Add an account"}
      description="An account is the group that the provider’s limits apply to."
      form={form}
      submitLabel={account ? "Save changes" : "Add account"}
      onSubmit={async (values, idempotencyKey) => {
        if (account) {
          await api.PATCH("/accounts/{account_id}", {
            params: { path: { account_id: account.id } },
            body: values,
          });
        } else {
          await api.POST("/accounts", {
            params: { header: { "Idempotency-Key": idempotencyKey } },
            body: { ...values, provider_id: providerId },
          });
        }
        await invalidate("/accounts", "/deployments");
      }}
    >
      <Field label="Name" error={errors.name?.message}>
        <Input autoFocus placeholder="Main organisation" {...form.register("name")} />
      </Field>
      <Field label="Base URL" hint="With the version segment" error={errors.base_url?.message}>
        <Input mono placeholder="https://api.openai.com/v1" {...form.register("base_url")} />
      </Field>
    </FormDialog>
  );
}
