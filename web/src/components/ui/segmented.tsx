import { Toggle } from "@base-ui/react/toggle";
import { ToggleGroup } from "@base-ui/react/toggle-group";
import type { ReactNode } from "react";

/** A choice of few, all in view. */
export function Segmented<V extends string>({
  value,
  onChange,
  options,
  label,
}: {
  value: V;
  onChange: (value: V) => void;
  options: { value: V; label: ReactNode; name?: string }[];
  label: string;
}) {
  return (
    <ToggleGroup
      aria-label={label}
      value={[value]}
      onValueChange={(next) => {
        const picked = options.find((option) => option.value === next[0]);
        if (picked) onChange(picked.value);
      }}
      className="inline-flex h-8 items-stretch gap-0.5 rounded-md border border-border bg-sunken p-0.5"
    >
      {options.map((option) => (
        <Toggle
          key={option.value}
          value={option.value}
          aria-label={option.name}
          className="inline-flex items-center gap-1.5 rounded-sm px-2.5 font-medium text-muted text-sm hover:text-fg data-pressed:bg-surface data-pressed:text-fg data-pressed:shadow-card dark:data-pressed:bg-hover [&_svg]:size-4"
        >
          {option.label}
        </Toggle>
      ))}
    </ToggleGroup>
  );
}
