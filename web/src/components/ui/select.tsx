import { Select as Base } from "@base-ui/react/select";
import { Check, ChevronsUpDown } from "lucide-react";
import type { ReactNode } from "react";
import { cx } from "@/lib/cx";

export interface Option {
  value: string;
  label: string;
  hint?: ReactNode;
}

export function Select({
  value,
  onChange,
  options,
  label,
  id,
  placeholder = "Choose…",
  size = "md",
  invalid = false,
  disabled = false,
  className,
}: {
  value: string;
  onChange: (value: string) => void;
  options: Option[];
  /** Names the control where no visible label is tied to `id`. */
  label?: string;
  id?: string;
  placeholder?: string;
  size?: "sm" | "md";
  invalid?: boolean;
  disabled?: boolean;
  className?: string;
}) {
  return (
    <Base.Root
      items={options}
      value={value || null}
      onValueChange={(next) => onChange(next ?? "")}
      disabled={disabled}
    >
      <Base.Trigger
        id={id}
        aria-label={label}
        aria-invalid={invalid || undefined}
        className={cx(
          "inline-flex min-w-0 select-none items-center justify-between gap-2 rounded-md border bg-surface text-left shadow-card hover:bg-hover data-disabled:opacity-55",
          size === "sm" ? "h-8 px-3 text-sm" : "h-9 w-full px-3 text-base",
          invalid ? "border-danger" : "border-border-strong",
          className,
        )}
      >
        <Base.Value className="truncate data-placeholder:text-faint" placeholder={placeholder} />
        <Base.Icon className="text-faint">
          <ChevronsUpDown className="size-3.5" aria-hidden />
        </Base.Icon>
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner
          className="z-50 select-none outline-none"
          sideOffset={6}
          alignItemWithTrigger={false}
          align="start"
        >
          <Base.Popup className="max-h-[min(24rem,var(--available-height))] min-w-(--anchor-width) max-w-(--available-width) overflow-y-auto rounded-md bg-raised p-1.5 shadow-pop outline-none transition-opacity duration-100 data-ending-style:opacity-0 data-starting-style:opacity-0">
            {options.map((option) => (
              <Base.Item
                key={option.value}
                value={option.value}
                className="grid cursor-default grid-cols-[1rem_1fr] items-center gap-2 rounded-sm px-2 py-1.5 text-sm outline-none data-highlighted:bg-hover"
              >
                <Base.ItemIndicator className="col-start-1">
                  <Check className="size-4 text-accent-text" aria-hidden />
                </Base.ItemIndicator>
                <span className="col-start-2 flex items-baseline justify-between gap-4">
                  <Base.ItemText>{option.label}</Base.ItemText>
                  {option.hint ? <span className="text-faint text-xs">{option.hint}</span> : null}
                </span>
              </Base.Item>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
