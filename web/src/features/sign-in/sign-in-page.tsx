import { zodResolver } from "@hookform/resolvers/zod";
import { useEffect } from "react";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { Field } from "@/components/form/field";
import { Input } from "@/components/form/input";
import { Brand } from "@/components/shell/brand";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { errorText } from "@/lib/api/errors";
import { LaneField } from "./lane-field";

const schema = z.object({
  email: z.email("An email address"),
  password: z.string().min(1, "The password is needed"),
});

type Values = z.infer<typeof schema>;

export function SignInPage({
  onSignIn,
  expired,
}: {
  onSignIn: (email: string, password: string) => Promise<void>;
  /** The person was signed in and the session ended. */
  expired: boolean;
}) {
  const form = useForm<Values>({
    resolver: zodResolver(schema),
    defaultValues: { email: "", password: "" },
  });
  const { errors, isSubmitting } = form.formState;
  useEffect(() => {
    document.title = "Sign in · Starlane";
  }, []);

  const submit = form.handleSubmit(async ({ email, password }) => {
    try {
      await onSignIn(email, password);
    } catch (error) {
      form.setError("root", { message: errorText(error) });
    }
  });

  return (
    <div className="grid min-h-dvh lg:grid-cols-[minmax(26rem,2fr)_3fr]">
      <main className="flex flex-col bg-surface px-6 py-8 sm:px-12">
        <Brand />
        <div className="mx-auto flex w-full max-w-[22rem] flex-1 flex-col justify-center py-12">
          <h1 className="font-semibold text-2xl">Sign in</h1>
          <p className="mt-2 text-base text-muted">
            One key for every model, one bill that adds up.
          </p>
          <form onSubmit={submit} className="mt-8 flex flex-col gap-5" noValidate>
            {expired ? (
              <Alert tone="warning">Your session has ended. Sign in to go on where you were.</Alert>
            ) : null}
            {errors.root ? <Alert tone="danger">{errors.root.message}</Alert> : null}
            <Field label="Email" error={errors.email?.message}>
              <Input type="email" autoComplete="username" autoFocus {...form.register("email")} />
            </Field>
            <Field label="Password" error={errors.password?.message}>
              <Input
                type="password"
                autoComplete="current-password"
                {...form.register("password")}
              />
            </Field>
            <Button type="submit" variant="primary" busy={isSubmitting}>
              Sign in
            </Button>
          </form>
        </div>
        <p className="text-faint text-xs">
          Running the demo? <code>starlane credentials</code> prints the logins.
        </p>
      </main>
      <LaneField />
    </div>
  );
}
