import { type ReactNode, useId, useRef } from "react";
import type { FieldPath, FieldValues, UseFormReturn } from "react-hook-form";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { newIdempotencyKey } from "@/lib/api/client";
import { ApiError, errorText } from "@/lib/api/errors";

/** A dialog with one form: it submits, shows what the API refuses at its field, and closes. */
export function FormDialog<Values extends FieldValues, Parsed extends FieldValues = Values>({
  open,
  onOpenChange,
  title,
  description,
  form,
  onSubmit,
  submitLabel,
  size = "md",
  children,
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  description?: ReactNode;
  form: UseFormReturn<Values, unknown, Parsed>;
  /** The key names this one act: a second try after a lost answer carries the same. */
  onSubmit: (values: Parsed, idempotencyKey: string) => Promise<void>;
  submitLabel: string;
  size?: "md" | "lg";
  children: ReactNode;
}) {
  const id = useId();
  const idempotencyKey = useRef(newIdempotencyKey());
  const { isSubmitting, errors } = form.formState;

  const submit = form.handleSubmit(async (values) => {
    try {
      await onSubmit(values, idempotencyKey.current);
      idempotencyKey.current = newIdempotencyKey();
      onOpenChange(false);
    } catch (error) {
      // A refusal is final for these values; corrected ones are another act.
      if (error instanceof ApiError) idempotencyKey.current = newIdempotencyKey();
      showRefusal(form, error);
    }
  });

  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={title}
      description={description}
      size={size}
      footer={
        <>
          <Button variant="ghost" onClick={() => onOpenChange(false)}>
            Cancel
          </Button>
          <Button type="submit" form={id} variant="primary" busy={isSubmitting}>
            {submitLabel}
          </Button>
        </>
      }
    >
      <form id={id} onSubmit={submit} noValidate className="flex flex-col gap-5">
        {errors.root ? <Alert tone="danger">{errors.root.message}</Alert> : null}
        {children}
      </form>
    </Dialog>
  );
}

function showRefusal<Values extends FieldValues, Parsed extends FieldValues>(
  form: UseFormReturn<Values, unknown, Parsed>,
  error: unknown,
): void {
  const known = new Set(Object.keys(form.getValues()));
  let placed = false;
  for (const { field, detail } of error instanceof ApiError ? error.fields : []) {
    const name = field.split(".")[0] ?? "";
    if (!known.has(name)) continue;
    form.setError(name as FieldPath<Values>, { message: detail });
    placed = true;
  }
  if (!placed) form.setError("root", { message: errorText(error) });
}
