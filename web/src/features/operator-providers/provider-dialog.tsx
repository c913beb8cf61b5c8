import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { required } from "@/components/form/rules";
import { SelectField } from "@/components/form/select-field";
import { api } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { DIALECTS, dialects, VENDORS, vendors } from "./dialects";

const schema = z.object({
  name: required("A name").max(120),
  slug: z
    .string()
    .max(60)
    .regex(/^[a-z0-9][a-z0-9-]*$/, "Small letters, digits and dashes"),
  dialect: z.enum(DIALECTS),
  vendor: z.enum(VENDORS),
});

export function ProviderDialog({ onClose }: { onClose: () => void }) {
  const invalidate = useInvalidate();
  const form = useForm<z.infer<typeof schema>>({
    resolver: zodResolver(schema),
    defaultValues: { name: "", slug: "", dialect: "openai", vendor: "" },
  });
  const { errors } = form.formState;
  const compatible = form.watch("dialect") === "openai";
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      title="Add a provider"
      form={form}
      submitLabel="Add provider"
      onSubmit={async (body, idempotencyKey) => {
        await api.POST("/providers", {
          params: { header: { "Idempotency-Key": idempotencyKey } },
          body: compatible ? body : { ...body, vendor: "" },
        });
        await invalidate("/providers");
      }}
    >
      <Field label="Name" error={errors.name?.message}>
        <Input autoFocus placeholder="OpenAI" {...form.register("name")} />
      </Field>
      <Field label="Slug" hint="Its short name in logs and cost books" error={errors.slug?.message}>
        <Input mono placeholder="openai" {...form.register("slug")} />
      </Field>
      <SelectField
        control={form.control}
        name="dialect"
        label="Wire format"
        hint="Claude on Azure Foundry speaks Anthropic’s"
        options={DIALECTS.map((value) => ({ value, label: dialects[value].label }))}
      />
      {compatible && (
        <SelectField
          control={form.control}
          name="vendor"
          label="Vendor"
          hint="What it does otherwise than OpenAI"
          placeholder={vendors[""]}
          options={VENDORS.map((value) => ({ value, label: vendors[value] }))}
        />
      )}
    </FormDialog>
  );
}
