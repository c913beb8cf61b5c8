import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { FormDialog } from "@/components/form/form-dialog";
import { Input } from "@/components/form/input";
import { textOrUndefined } from "@/components/form/rules";
import { SelectField } from "@/components/form/select-field";
import { useToast } from "@/components/ui/toast";
import { api, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { useSession } from "@/lib/auth/session";
import { PLATFORM_ROLES, ROLES, roleText } from "@/lib/format/words";

const role = z.enum([...ROLES, ...PLATFORM_ROLES]);
const addSchema = z.object({ email: z.email("An email address"), name: z.string().max(120), role });
const roleSchema = z.object({ role });

function useRoleOptions() {
  const { hasTenant } = useSession();
  return (hasTenant ? ROLES : PLATFORM_ROLES).map((value) => ({
    value,
    label: value.charAt(0).toUpperCase() + value.slice(1),
    hint: roleText(value),
  }));
}

export function AddMemberDialog({
  onClose,
  onAdded,
}: {
  onClose: () => void;
  onAdded: (member: Schema<"MemberCreated">) => void;
}) {
  const toast = useToast();
  const invalidate = useInvalidate();
  const { hasTenant } = useSession();
  const options = useRoleOptions();
  const form = useForm<z.infer<typeof addSchema>>({
    resolver: zodResolver(addSchema),
    defaultValues: { email: "", name: "", role: hasTenant ? "developer" : "operator" },
  });
  const { errors } = form.formState;
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      title="Add a person"
      description="Somebody without an account gets one, with a first password for you to pass on."
      form={form}
      submitLabel="Add person"
      onSubmit={async (values, idempotencyKey) => {
        const name = textOrUndefined(values.name);
        const { data } = await api.POST("/members", {
          params: { header: { "Idempotency-Key": idempotencyKey } },
          body: { email: values.email, role: values.role, ...(name ? { name } : {}) },
        });
        await invalidate("/members");
        toast(`${values.email} is added`);
        if (data) onAdded(data);
      }}
    >
      <Field label="Email" error={errors.email?.message}>
        <Input type="email" autoFocus {...form.register("email")} />
      </Field>
      <Field label="Name" optional error={errors.name?.message}>
        <Input {...form.register("name")} />
      </Field>
      <SelectField control={form.control} name="role" label="Role" options={options} />
    </FormDialog>
  );
}

export function RoleDialog({ member, onClose }: { member: Schema<"Member">; onClose: () => void }) {
  const toast = useToast();
  const invalidate = useInvalidate();
  const options = useRoleOptions();
  const form = useForm<z.infer<typeof roleSchema>>({
    resolver: zodResolver(roleSchema),
    defaultValues: { role: member.role },
  });
  return (
    <FormDialog
      open
      onOpenChange={onClose}
      title={`Role of ${member.name || member.email}`}
      form={form}
      submitLabel="Save role"
      onSubmit={async (values) => {
        await api.PATCH("/members/{user_id}", {
          params: { path: { user_id: member.user_id } },
          body: { role: values.role },
        });
        await invalidate("/members");
        toast(`${member.email} is ${values.role} now`);
      }}
    >
      <SelectField control={form.control} name="role" label="Role" options={options} />
    </FormDialog>
  );
}
