import { Field as Base } from "@base-ui/react/field";
import type { ReactNode } from "react";

/** Label, control, help and error of one form value, tied together for assistive technology. */
export function Field({
  label,
  hint,
  error,
  optional = false,
  children,
}: {
  label: ReactNode;
  hint?: ReactNode;
  error?: string | undefined;
  optional?: boolean;
  children: ReactNode;
}) {
  return (
    <Base.Root invalid={Boolean(error)} className="flex min-w-0 flex-col gap-1.5">
      <Base.Label className="font-medium text-sm">
        {label}
        {optional ? " " : null}
        {optional ? <span className="ml-0.5 font-normal text-faint">optional</span> : null}
      </Base.Label>
      {children}
      {hint && !error ? (
        <Base.Description className="text-muted text-xs">{hint}</Base.Description>
      ) : null}
      {error ? (
        <Base.Error match className="text-danger text-xs">
          {error}
        </Base.Error>
      ) : null}
    </Base.Root>
  );
}
