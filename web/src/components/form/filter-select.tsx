import { type Option, Select } from "@/components/ui/select";

const ANY = "__any";

/** A filter of a list: one value or any. */
export function FilterSelect({
  label,
  anyLabel,
  value,
  options,
  onChange,
}: {
  label: string;
  anyLabel: string;
  value: string | undefined;
  options: Option[];
  onChange: (value: string | undefined) => void;
}) {
  // A filter from a link may name what the list no longer has: it must still be seen and removable.
  const known = value === undefined || options.some((option) => option.value === value);
  return (
    <Select
      size="sm"
      label={label}
      value={value ?? ANY}
      onChange={(next) => onChange(next === ANY ? undefined : next)}
      options={[
        { value: ANY, label: anyLabel },
        ...(known || value === undefined ? [] : [{ value, label: value }]),
        ...options,
      ]}
      className="max-w-60"
    />
  );
}
