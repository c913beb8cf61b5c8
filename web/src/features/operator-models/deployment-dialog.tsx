import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { required, weight } from "@/components/form/rules";
import { SelectField } from "@/components/form/select-field";
import { api, query, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { useModelChoices } from "@/lib/api/lookups";
import { ALL } from "@/lib/api/paging";

const schema = z.object({
  model: required("A model"),
  account_id: required("An account"),
  upstream_model: required("The provider’s name").max(200),
  region: required("A region").max(60),
  weight,
  state: z.enum(["active", "drained"]),
});

type Values = z.infer<typeof schema>;

export function DeploymentDialog({
  deployment,
  onClose,
}: {
  deployment: Schema<"Deployment"> | undefined;
  onClose: () => void;
}) {
  const invalidate = useInvalidate();
  const models = useModelChoices();
  const accounts = query.useQuery("get", "/accounts", { params: { query: { limit: ALL } } });
  const form = useForm<Values>({
    resolver: zodResolver(schema),
    defaultValues: {
      model: deployment?.model ?? "",
      account_id: deployment?.account_id ?? "",
      upstream_model: deployment?.upstream_model ?? "",
      region: deployment?.region ?? "global",
      weight: String(deployment?.weight ?? 100),
      state: deployment?.state ?? "active",
    },
  });
  const { errors } = form.formState;
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      title={deployment ? `Deployment of ${deployment.model}` : "Add a deployment"}
      description={
        deployment
          ? `${deployment.upstream_model} at ${deployment.account_name}, ${deployment.region}`
          : undefined
      }
      form={form}
      submitLabel={deployment ? "Save changes" : "Add deployment"}
      onSubmit={async ({ state, ...values }, idempotencyKey) => {
        const share = Number(values.weight);
        if (deployment) {
          await api.PATCH("/deployments/{deployment_id}", {
            params: { path: { deployment_id: deployment.id } },
            body: { state, weight: share },
          });
        } else {
          await api.POST("/deployments", {
            params: { header: { "Idempotency-Key": idempotencyKey } },
            body: { ...values, weight: share },
          });
        }
        await invalidate("/deployments", "/models");
      }}
    >
      {deployment ? null : (
        <>
          <SelectField control={form.control} name="model" label="Model" options={models} />
          <SelectField
            control={form.control}
            name="account_id"
            label="Account"
            options={(accounts.data?.items ?? []).map((account) => ({
              value: account.id,
              label: account.name,
            }))}
          />
          <Field label="The provider’s model name" error={errors.upstream_model?.message}>
            <Input mono {...form.register("upstream_model")} />
          </Field>
          <Field label="Region" error={errors.region?.message}>
            <Input {...form.register("region")} />
          </Field>
        </>
      )}
      <Field
        label="Weight"
        hint="Share of the traffic among the deployments of this model, 1 to 1000"
        error={errors.weight?.message}
      >
        <Input inputMode="numeric" {...form.register("weight")} />
      </Field>
      {deployment ? (
        <SelectField
          control={form.control}
          name="state"
          label="State"
          options={[
            { value: "active", label: "Active" },
            { value: "drained", label: "Drained", hint: "no new requests" },
          ]}
        />
      ) : null}
    </FormDialog>
  );
}
