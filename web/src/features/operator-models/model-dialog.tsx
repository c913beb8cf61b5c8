import { zodResolver } from "@hookform/resolvers/zod";
import { Controller, useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input, Textarea } from "@/components/form/input";
import { MultiSelect } from "@/components/form/multi-select";
import { modelName, required } from "@/components/form/rules";
import { SelectField } from "@/components/form/select-field";
import { api, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";

const CAPABILITIES = [
  "chat",
  "completions",
  "embeddings",
  "images",
  "audio",
  "rerank",
  "moderation",
  "realtime",
] as const;
const FEATURES = ["tools", "vision", "json_schema", "reasoning", "streaming", "prompt_caching"];

const tokens = (min: number) =>
  z
    .string()
    .trim()
    .refine((text) => /^\d{1,12}$/.test(text) && Number(text) >= min, "A whole number of tokens");

const schema = z.object({
  name: modelName,
  display_name: required("A name").max(120),
  description: z.string().max(2000),
  capabilities: z.array(z.enum(CAPABILITIES)).min(1, "At least one"),
  features: z.array(z.string()),
  context_length: tokens(1),
  max_output: tokens(0),
  tokenizer: z.enum(["o200k_base", "cl100k_base"]),
  state: z.enum(["active", "hidden", "retired"]),
});

type Values = z.infer<typeof schema>;

function valuesOf(model: Schema<"Model"> | undefined): Values {
  return {
    name: model?.name ?? "",
    display_name: model?.display_name ?? "",
    description: model?.description ?? "",
    capabilities: CAPABILITIES.filter((name) => (model?.capabilities ?? ["chat"]).includes(name)),
    features: model?.features ?? [],
    context_length: String(model?.context_length ?? 128_000),
    max_output: String(model?.max_output ?? 16_384),
    tokenizer: model?.tokenizer === "cl100k_base" ? "cl100k_base" : "o200k_base",
    state: model?.state ?? "active",
  };
}

export function ModelDialog({
  model,
  onClose,
}: {
  model: Schema<"Model"> | undefined;
  onClose: () => void;
}) {
  const invalidate = useInvalidate();
  const form = useForm<Values>({ resolver: zodResolver(schema), defaultValues: valuesOf(model) });
  const { errors } = form.formState;
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      size="lg"
      title={model ? `Edit ${model.name}` : "Add a model"}
      form={form}
      submitLabel={model ? "Save changes" : "Add model"}
      onSubmit={async ({ name, ...values }, idempotencyKey) => {
        const body = {
          ...values,
          context_length: Number(values.context_length),
          max_output: Number(values.max_output),
        };
        if (model) {
          await api.PATCH("/models/{name}", { params: { path: { name: model.name } }, body });
        } else {
          await api.POST("/models", {
            params: { header: { "Idempotency-Key": idempotencyKey } },
            body: { ...body, name },
          });
        }
        await invalidate("/models");
      }}
    >
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Public name" hint="What clients send" error={errors.name?.message}>
          <Input mono disabled={model !== undefined} {...form.register("name")} />
        </Field>
        <Field label="Display name" error={errors.display_name?.message}>
          <Input {...form.register("display_name")} />
        </Field>
      </div>
      <Field label="Description" optional error={errors.description?.message}>
        <Textarea rows={2} {...form.register("description")} />
      </Field>
      <div className="grid gap-4 sm:grid-cols-2">
        <Controller
          control={form.control}
          name="capabilities"
          render={({ field, fieldState }) => (
            <Field label="Can do" error={fieldState.error?.message}>
              <MultiSelect
                value={field.value}
                onChange={field.onChange}
                options={[...CAPABILITIES]}
                label="Can do"
                emptyText="Choose…"
              />
            </Field>
          )}
        />
        <Controller
          control={form.control}
          name="features"
          render={({ field }) => (
            <Field label="Features" optional>
              <MultiSelect
                value={field.value}
                onChange={field.onChange}
                options={[...new Set([...FEATURES, ...field.value])]}
                label="Features"
                emptyText="None"
              />
            </Field>
          )}
        />
        <Field label="Context, tokens" error={errors.context_length?.message}>
          <Input inputMode="numeric" {...form.register("context_length")} />
        </Field>
        <Field label="Longest answer, tokens" error={errors.max_output?.message}>
          <Input inputMode="numeric" {...form.register("max_output")} />
        </Field>
        <SelectField
          control={form.control}
          name="tokenizer"
          label="Tokenizer for estimates"
          options={[
            { value: "o200k_base", label: "o200k_base" },
            { value: "cl100k_base", label: "cl100k_base" },
          ]}
        />
        <SelectField
          control={form.control}
          name="state"
          label="State"
          options={[
            { value: "active", label: "Active" },
            { value: "hidden", label: "Hidden", hint: "callable, not listed" },
            { value: "retired", label: "Retired", hint: "refused" },
          ]}
        />
      </div>
    </FormDialog>
  );
}
