import { Badge } from "@/components/ui/badge";
import { CopyButton } from "@/components/ui/copy-button";
import { type Definition, Definitions } from "@/components/ui/definition";
import { Drawer } from "@/components/ui/dialog";
import { Money } from "@/components/ui/money";
import { Time } from "@/components/ui/time";
import type { Schema } from "@/lib/api/client";
import { formatCount } from "@/lib/format/number";
import { byClass, className } from "@/lib/format/words";

type Model = Schema<"Model">;

/** One model: what it can do, how long it reads, and every price. */
export function ModelDrawer({ model, onClose }: { model: Model | undefined; onClose: () => void }) {
  return (
    <Drawer
      open={model !== undefined}
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title={model?.display_name ?? "Model"}
      description={model?.description}
    >
      {model ? (
        <div className="flex flex-col gap-6">
          <div className="flex items-center gap-2 rounded-md border border-border bg-sunken py-1 pr-1 pl-3">
            <code className="min-w-0 flex-1 text-sm [overflow-wrap:anywhere]">{model.name}</code>
            <CopyButton text={model.name} label="Copy model name" iconOnly variant="ghost" />
          </div>
          <section aria-labelledby="price">
            <h3 id="price" className="mb-1 font-semibold text-base">
              Price per million units
            </h3>
            {model.price ? (
              <>
                <Definitions items={rates(model.price)} />
                <p className="mt-2 text-faint text-xs">
                  {model.price.contract ? "Your contract" : "List price"}, valid since{" "}
                  <Time value={model.price.valid_from} style="date" />
                </p>
              </>
            ) : (
              <p className="text-muted text-sm">
                No price is set, so calls are refused with <code>model_unpriced</code>.
              </p>
            )}
          </section>
          <section aria-labelledby="facts">
            <h3 id="facts" className="mb-1 font-semibold text-base">
              Facts
            </h3>
            <Definitions items={facts(model)} />
          </section>
        </div>
      ) : null}
    </Drawer>
  );
}

function rates(price: Schema<"ModelPrice">): Definition[] {
  return Object.entries(price.rates)
    .sort(([a], [b]) => byClass(a, b))
    .map(([name, value]) => ({
      term: className(name),
      value: <Money value={value} precision="short" />,
      numeric: true,
    }));
}

function Words({ words }: { words: string[] }) {
  if (words.length === 0) return <span className="text-faint">none</span>;
  return (
    <span className="flex flex-wrap justify-end gap-1">
      {words.map((word) => (
        <Badge key={word}>{word}</Badge>
      ))}
    </span>
  );
}

function facts(model: Model): Definition[] {
  return [
    { term: "Can do", value: <Words words={model.capabilities} /> },
    { term: "Features", value: <Words words={model.features} /> },
    { term: "Aliases", value: <Words words={model.aliases} /> },
    { term: "Context", value: `${formatCount(model.context_length)} tokens`, numeric: true },
    {
      term: "Longest answer",
      value: model.max_output > 0 ? `${formatCount(model.max_output)} tokens` : "no tokens",
      numeric: true,
    },
    { term: "Tokenizer", value: model.tokenizer },
    {
      term: "Available",
      value: model.available ? "yes" : "no active deployment",
    },
  ];
}
