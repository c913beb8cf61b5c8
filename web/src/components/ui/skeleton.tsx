import { cx } from "@/lib/cx";

export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden className={cx("skeleton block rounded-sm", className)} />;
}

/** Stands for a block of `lines` while it loads; the label is what a screen reader hears. */
export function SkeletonBlock({ lines = 3, label }: { lines?: number; label: string }) {
  return (
    <div role="status" aria-label={label} className="flex flex-col gap-3">
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: identical bars that never move
        <Skeleton key={line} className={cx("h-4", line % 3 === 2 ? "w-2/3" : "w-full")} />
      ))}
    </div>
  );
}
