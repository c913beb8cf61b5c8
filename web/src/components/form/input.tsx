import { Field } from "@base-ui/react/field";
import type { ComponentProps, ReactNode, Ref, TextareaHTMLAttributes } from "react";
import { cx } from "@/lib/cx";

const BOX =
  "w-full min-w-0 rounded-md border border-border-strong bg-surface text-base shadow-card placeholder:text-faint hover:border-field disabled:opacity-55 data-invalid:border-danger";

/** A text control. Inside a `Field` it takes that field's label and error. */
export function Input({
  className,
  prefix,
  suffix,
  mono = false,
  ...rest
}: Omit<ComponentProps<typeof Field.Control>, "prefix" | "className"> & {
  className?: string;
  prefix?: ReactNode;
  suffix?: ReactNode;
  mono?: boolean;
  ref?: Ref<HTMLInputElement>;
}) {
  const control = (
    <Field.Control
      autoComplete="off"
      className={cx(
        BOX,
        "h-9 px-3",
        prefix ? "pl-7" : "",
        suffix ? "pr-20" : "",
        mono ? "font-mono text-sm" : "",
        className,
      )}
      {...rest}
    />
  );
  if (!prefix && !suffix) return control;
  return (
    <div className="relative">
      {prefix ? (
        <span className="pointer-events-none absolute inset-y-0 left-3 flex items-center text-faint">
          {prefix}
        </span>
      ) : null}
      {control}
      {suffix ? (
        <span className="pointer-events-none absolute inset-y-0 right-3 flex items-center text-faint text-sm">
          {suffix}
        </span>
      ) : null}
    </div>
  );
}

export function Textarea({
  className,
  ...rest
}: TextareaHTMLAttributes<HTMLTextAreaElement> & { ref?: Ref<HTMLTextAreaElement> }) {
  return (
    <Field.Control
      render={<textarea {...rest} />}
      className={cx(BOX, "min-h-20 px-3 py-2", className)}
    />
  );
}
