import { zodResolver } from "@hookform/resolvers/zod";
import { Controller, useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { MultiSelect } from "@/components/form/multi-select";
import { modelName } from "@/components/form/rules";
import { api, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { useModelChoices } from "@/lib/api/lookups";

const schema = z.object({
  alias: modelName,
  description: z.string().max(500),
  models: z.array(z.string()).min(1, "At least one model").max(20),
});

export function RouteDialog({
  route,
  onClose,
}: {
  route: Schema<"Route"> | undefined;
  onClose: () => void;
}) {
  const invalidate = useInvalidate();
  const models = useModelChoices();
  const form = useForm<z.infer<typeof schema>>({
    resolver: zodResolver(schema),
    defaultValues: {
      alias: route?.alias ?? "",
      description: route?.description ?? "",
      models: route?.models ?? [],
    },
  });
  const { errors } = form.formState;
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      title={route ? `Edit ${route.alias}` : "Add a route"}
      form={form}
      submitLabel={route ? "Save changes" : "Add route"}
      onSubmit={async ({ alias, ...body }, idempotencyKey) => {
        if (route) {
          await api.PUT("/routes/{alias}", { params: { path: { alias: route.alias } }, body });
        } else {
          await api.POST("/routes", {
            params: { header: { "Idempotency-Key": idempotencyKey } },
            body: { ...body, alias },
          });
        }
        await invalidate("/routes", "/models");
      }}
    >
      <Field label="Alias" hint="What clients send as the model" error={errors.alias?.message}>
        <Input mono disabled={route !== undefined} {...form.register("alias")} />
      </Field>
      <Field label="Description" optional error={errors.description?.message}>
        <Input {...form.register("description")} />
      </Field>
      <Controller
        control={form.control}
        name="models"
        render={({ field, fieldState }) => (
          <Field
            label="Models"
            hint="Tried in the order in which you add them."
            error={fieldState.error?.message}
          >
            <MultiSelect
              value={field.value}
              onChange={field.onChange}
              options={models.map((model) => model.value)}
              label="Models"
              emptyText="Add a model…"
              ordered
            />
          </Field>
        )}
      />
    </FormDialog>
  );
}
