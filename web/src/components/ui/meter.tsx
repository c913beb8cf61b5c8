import { Meter as Base } from "@base-ui/react/meter";
import { cx } from "@/lib/cx";

/** How much of a limit is used; turns to warning at 80 % and to danger when it is spent. */
export function Meter({
  share,
  label,
  plain = false,
}: {
  share: number;
  label: string;
  /** The bar only measures: a full one is no alarm. */
  plain?: boolean;
}) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  const tone = plain
    ? "bg-accent"
    : share >= 1
      ? "bg-danger"
      : share >= 0.8
        ? "bg-warning"
        : "bg-accent";
  return (
    <Base.Root value={percent} aria-label={label} className="w-full">
      <Base.Track className="h-1.5 overflow-hidden rounded-full bg-hover">
        <Base.Indicator className={cx("h-full rounded-full", tone)} />
      </Base.Track>
    </Base.Root>
  );
}
