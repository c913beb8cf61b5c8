import { zodResolver } from "@hookform/resolvers/zod";
import { useQueryClient } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { Input } from "@/components/form/input";
import { required } from "@/components/form/rules";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Card, CardBody, CardHeader } from "@/components/ui/card";
import { StateBadge } from "@/components/ui/state-badge";
import { useToast } from "@/components/ui/toast";
import { api } from "@/lib/api/client";
import { errorText } from "@/lib/api/errors";
import { sessionOptions, useSession } from "@/lib/auth/session";

const schema = z.object({
  name: required("A name").max(120),
  billing_email: z.union([z.literal(""), z.email("An email address")]),
});

export function OrganisationCard() {
  const { me, can } = useSession();
  const toast = useToast();
  const client = useQueryClient();
  const canWrite = can("tenant.update");
  const form = useForm<z.infer<typeof schema>>({
    resolver: zodResolver(schema),
    values: { name: me.tenant.name, billing_email: me.tenant.billing_email },
  });
  const { errors, isSubmitting } = form.formState;
  const submit = form.handleSubmit(async (values) => {
    try {
      await api.PATCH("/tenants/{tenant_id}", {
        params: { path: { tenant_id: me.tenant.id } },
        body: {
          name: values.name,
          ...(values.billing_email ? { billing_email: values.billing_email } : {}),
        },
      });
      await client.invalidateQueries(sessionOptions);
      toast("Organisation saved");
    } catch (error) {
      form.setError("root", { message: errorText(error) });
    }
  });
  return (
    <Card>
      <CardHeader
        title="Organisation"
        description={
          me.tenant.billing_mode === "prepaid"
            ? "Prepaid: usage is taken from credit."
            : "Post-paid: usage is invoiced at the end of the month."
        }
        actions={<StateBadge state={me.tenant.status} />}
      />
      <CardBody>
        <form onSubmit={submit} className="flex flex-col items-start gap-4" noValidate>
          {errors.root ? <Alert tone="danger">{errors.root.message}</Alert> : null}
          <div className="grid w-full gap-4 sm:grid-cols-2">
            <Field label="Name" error={errors.name?.message}>
              <Input disabled={!canWrite} {...form.register("name")} />
            </Field>
            <Field label="Billing email" error={errors.billing_email?.message}>
              <Input type="email" disabled={!canWrite} {...form.register("billing_email")} />
            </Field>
          </div>
          {canWrite ? (
            <Button type="submit" busy={isSubmitting}>
              Save organisation
            </Button>
          ) : null}
        </form>
      </CardBody>
    </Card>
  );
}
