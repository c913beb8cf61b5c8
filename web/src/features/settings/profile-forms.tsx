import { zodResolver } from "@hookform/resolvers/zod";
import { useQueryClient } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { Input } from "@/components/form/input";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { useToast } from "@/components/ui/toast";
import { api } from "@/lib/api/client";
import { errorText } from "@/lib/api/errors";
import { sessionOptions } from "@/lib/auth/session";

const profileSchema = z.object({ name: z.string().trim().max(120) });

export function ProfileForm({ name }: { name: string }) {
  const toast = useToast();
  const client = useQueryClient();
  const form = useForm<z.infer<typeof profileSchema>>({
    resolver: zodResolver(profileSchema),
    defaultValues: { name },
  });
  const submit = form.handleSubmit(async (values) => {
    try {
      await api.PATCH("/me", { body: values });
      await client.invalidateQueries(sessionOptions);
      toast("Name saved");
    } catch (error) {
      form.setError("name", { message: errorText(error) });
    }
  });
  return (
    <form onSubmit={submit} className="flex flex-col items-start gap-4" noValidate>
      <div className="w-full">
        <Field label="Name" error={form.formState.errors.name?.message}>
          <Input autoComplete="name" {...form.register("name")} />
        </Field>
      </div>
      <Button type="submit" busy={form.formState.isSubmitting}>
        Save name
      </Button>
    </form>
  );
}

const MIN_PASSWORD = 12;

const passwordSchema = z
  .object({
    current: z.string().min(1, "The current password is needed"),
    next: z.string().min(MIN_PASSWORD, `At least ${MIN_PASSWORD} characters`).max(200),
    again: z.string(),
  })
  .refine((values) => values.next === values.again, {
    path: ["again"],
    message: "This is not the same",
  });

export function PasswordForm({ email }: { email: string }) {
  const toast = useToast();
  const form = useForm<z.infer<typeof passwordSchema>>({
    resolver: zodResolver(passwordSchema),
    defaultValues: { current: "", next: "", again: "" },
  });
  const { errors, isSubmitting } = form.formState;
  const submit = form.handleSubmit(async (values) => {
    try {
      await api.POST("/me/password", {
        body: { current_password: values.current, new_password: values.next },
      });
      form.reset();
      toast("Password changed");
    } catch (error) {
      form.setError("root", { message: errorText(error) });
    }
  });
  return (
    <form onSubmit={submit} className="flex flex-col items-start gap-4" noValidate>
      {errors.root ? <Alert tone="danger">{errors.root.message}</Alert> : null}
      {/* Lets a password manager know whose password this is. */}
      <input type="email" value={email} readOnly hidden autoComplete="username" />
      <div className="grid w-full gap-4">
        <Field label="Current password" error={errors.current?.message}>
          <Input type="password" autoComplete="current-password" {...form.register("current")} />
        </Field>
        <Field label="New password" error={errors.next?.message}>
          <Input type="password" autoComplete="new-password" {...form.register("next")} />
        </Field>
        <Field label="New password again" error={errors.again?.message}>
          <Input type="password" autoComplete="new-password" {...form.register("again")} />
        </Field>
      </div>
      <Button type="submit" busy={isSubmitting}>
        Change password
      </Button>
    </form>
  );
}
