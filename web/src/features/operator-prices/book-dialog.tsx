import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { required } from "@/components/form/rules";
import { SelectField } from "@/components/form/select-field";
import { api, query, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { ALL } from "@/lib/api/paging";

const schema = z.object({ tenant_id: required("A tenant"), name: required("A name").max(120) });

export function BookDialog({
  onClose,
  onCreated,
}: {
  onClose: () => void;
  onCreated: (book: Schema<"PriceBook">) => void;
}) {
  const invalidate = useInvalidate();
  const tenants = query.useQuery("get", "/tenants", { params: { query: { limit: ALL } } });
  const form = useForm<z.infer<typeof schema>>({
    resolver: zodResolver(schema),
    defaultValues: { tenant_id: "", name: "" },
  });
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      title="New contract book"
      description="Prices for one tenant; models that it does not name cost the list price."
      form={form}
      submitLabel="Create book"
      onSubmit={async (body, idempotencyKey) => {
        const { data } = await api.POST("/price-books", {
          params: { header: { "Idempotency-Key": idempotencyKey } },
          body,
        });
        await invalidate("/price-books");
        if (data) onCreated(data);
      }}
    >
      <SelectField
        control={form.control}
        name="tenant_id"
        label="Tenant"
        options={(tenants.data?.items ?? []).map((tenant) => ({
          value: tenant.id,
          label: tenant.name,
        }))}
      />
      <Field label="Name" error={form.formState.errors.name?.message}>
        <Input placeholder="Acme 2026" {...form.register("name")} />
      </Field>
    </FormDialog>
  );
}
