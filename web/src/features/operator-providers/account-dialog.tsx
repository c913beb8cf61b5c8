import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { required } from "@/components/form/rules";
import { api, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { dialects } from "./dialects";

const schema = z.object({
  name: required("A name").max(120),
  base_url: z
    .string()
    .max(500)
    .regex(/^https?:\/\/./, "An address that starts with https://"),
  region: z.string().max(40),
  project: z.string().max(63),
  api_version: z.string().max(20),
});

const LABELS = { region: "Region", project: "Project", api_version: "API version" };

export function AccountDialog({
  provider,
  account,
  onClose,
}: {
  provider: Schema<"Provider">;
  account?: Schema<"Account">;
  onClose: () => void;
}) {
  const invalidate = useInvalidate();
  const form = useForm<z.infer<typeof schema>>({
    resolver: zodResolver(schema),
    defaultValues: {
      name: account?.name ?? "",
      base_url: account?.base_url ?? "",
      region: account?.region ?? "",
      project: account?.project ?? "",
      api_version: account?.api_version ?? "",
    },
  });
  const { errors } = form.formState;
  const traits = dialects[provider.dialect];
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
            body: { ...values, provider_id: provider.id },
          });
        }
        await invalidate("/accounts", "/deployments");
      }}
    >
      <Field label="Name" error={errors.name?.message}>
        <Input autoFocus placeholder="Main organisation" {...form.register("name")} />
      </Field>
      <Field label="Base URL" hint={traits.baseUrlHint} error={errors.base_url?.message}>
        <Input mono placeholder={traits.baseUrl} {...form.register("base_url")} />
      </Field>
      {traits.settings.map(({ name, placeholder, hint }) => (
        <Field
          key={name}
          label={LABELS[name]}
          hint={hint}
          optional={name === "api_version"}
          error={errors[name]?.message}
        >
          <Input mono placeholder={placeholder} {...form.register(name)} />
        </Field>
      ))}
    </FormDialog>
  );
}
