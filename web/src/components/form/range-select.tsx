import { Select } from "@/components/ui/select";
import { RANGE_NAMES, RANGES, type Range } from "@/lib/url/range";

export function RangeSelect({
  value,
  onChange,
  only = RANGES,
}: {
  value: Range;
  onChange: (range: Range) => void;
  only?: readonly Range[];
}) {
  return (
    <Select
      size="sm"
      label="Time range"
      value={value}
      onChange={(next) => {
        const picked = only.find((range) => range === next);
        if (picked) onChange(picked);
      }}
      options={only.map((range) => ({ value: range, label: RANGE_NAMES[range] }))}
      className="min-w-36"
    />
  );
}
