import { Switch as Base } from "@base-ui/react/switch";

export function Switch({
  checked,
  onChange,
  label,
  id,
}: {
  checked: boolean;
  onChange: (checked: boolean) => void;
  label?: string;
  id?: string;
}) {
  return (
    <Base.Root
      id={id}
      checked={checked}
      onCheckedChange={onChange}
      aria-label={label}
      className="inline-flex h-5 w-9 shrink-0 items-center rounded-full border border-field bg-hover p-0.5 transition-colors data-checked:border-accent data-checked:bg-accent"
    >
      <Base.Thumb className="size-3.5 rounded-full bg-field transition-transform data-checked:translate-x-4 data-checked:bg-accent-fg" />
    </Base.Root>
  );
}
