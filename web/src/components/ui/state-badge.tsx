import { stateWord } from "@/lib/format/words";
import { Badge } from "./badge";

/** The state of a thing, in words and colour. */
export function StateBadge({ state }: { state: string }) {
  const word = stateWord(state);
  return (
    <Badge tone={word.tone} dot>
      {word.text}
    </Badge>
  );
}
