import { Button } from "@/components/ui/button";
import { plural } from "@/lib/format/number";

/** The foot of a list that the server pages by cursor. */
export function LoadMore({
  shown,
  noun,
  nounMany = `${noun}s`,
  hasMore,
  busy,
  onMore,
}: {
  shown: number;
  noun: string;
  nounMany?: string;
  hasMore: boolean;
  busy: boolean;
  onMore: () => void;
}) {
  if (shown === 0) return null;
  return (
    <div className="flex items-center justify-between gap-4 border-border border-t px-4 py-3 sm:px-5">
      <p className="text-muted text-sm" aria-live="polite">
        {hasMore ? "First " : ""}
        {plural(shown, noun, nounMany)}
      </p>
      {hasMore ? (
        <Button size="sm" busy={busy} onClick={onMore}>
          Load more
        </Button>
      ) : null}
    </div>
  );
}
