import { Money } from "@/components/ui/money";
import { mainRate, type Side } from "@/lib/format/rates";
import { className } from "@/lib/format/words";

/** The price of a model's input or output per million units, and of which units where they are not tokens of text. */
export function MainRate({ rates, side }: { rates: Record<string, string>; side: Side }) {
  const rate = mainRate(rates, side);
  if (!rate) {
    return (
      <span className="text-faint" title="Not priced">
        none
      </span>
    );
  }
  return (
    <>
      <Money value={rate.value} precision="short" />
      {rate.text ? null : (
        <p className="ml-auto max-w-20 text-faint text-xs sm:max-w-none">{className(rate.name)}</p>
      )}
    </>
  );
}
