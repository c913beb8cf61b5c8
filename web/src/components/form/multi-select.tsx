import { Combobox } from "@base-ui/react/combobox";
import { Check, X } from "lucide-react";
import { useRef } from "react";
import { cx } from "@/lib/cx";

/** Picks several of a list by typing. Nothing picked means what `emptyText` says. */
export function MultiSelect({
  value,
  onChange,
  options,
  label,
  emptyText,
  ordered = false,
}: {
  value: string[];
  onChange: (value: string[]) => void;
  options: string[];
  label: string;
  emptyText: string;
  /** Chips carry their position, because the order matters. */
  ordered?: boolean;
}) {
  const box = useRef<HTMLDivElement>(null);
  return (
    <Combobox.Root multiple items={options} value={value} onValueChange={onChange}>
      <Combobox.Chips
        ref={box}
        className="flex min-h-9 w-full flex-wrap items-center gap-1 rounded-md border border-border-strong bg-surface p-1 shadow-card focus-within:outline-2 focus-within:outline-ring focus-within:outline-offset-2"
      >
        <Combobox.Value>
          {(picked: string[]) => (
            <>
              {picked.map((one, position) => (
                <Combobox.Chip
                  key={one}
                  aria-label={one}
                  className="flex h-6 items-center gap-1 rounded-sm bg-hover pr-0.5 pl-2 text-sm data-highlighted:bg-accent-soft"
                >
                  {ordered ? <span className="text-faint text-xs">{position + 1}</span> : null}
                  {one}
                  <Combobox.ChipRemove
                    aria-label={`Remove ${one}`}
                    className="flex size-5 items-center justify-center rounded-sm text-muted hover:text-fg"
                  >
                    <X className="size-3" aria-hidden />
                  </Combobox.ChipRemove>
                </Combobox.Chip>
              ))}
              <Combobox.Input
                aria-label={label}
                placeholder={picked.length === 0 ? emptyText : "Add…"}
                className="h-7 min-w-24 flex-1 bg-transparent px-2 text-base outline-none placeholder:text-faint"
              />
            </>
          )}
        </Combobox.Value>
      </Combobox.Chips>
      <Combobox.Portal>
        <Combobox.Positioner className="z-50 outline-none" sideOffset={6} anchor={box}>
          <Combobox.Popup className="max-h-64 w-(--anchor-width) overflow-y-auto rounded-md bg-raised p-1.5 shadow-pop outline-none">
            <Combobox.Empty className="px-2 py-1.5 text-muted text-sm empty:hidden">
              Nothing by that name.
            </Combobox.Empty>
            <Combobox.List>
              {(item: string) => (
                <Combobox.Item
                  key={item}
                  value={item}
                  className={cx(
                    "grid cursor-default grid-cols-[1rem_1fr] items-center gap-2 rounded-sm px-2 py-1.5 text-sm outline-none data-highlighted:bg-hover",
                  )}
                >
                  <Combobox.ItemIndicator className="col-start-1">
                    <Check className="size-4 text-accent-text" aria-hidden />
                  </Combobox.ItemIndicator>
                  <span className="col-start-2">{item}</span>
                </Combobox.Item>
              )}
            </Combobox.List>
          </Combobox.Popup>
        </Combobox.Positioner>
      </Combobox.Portal>
    </Combobox.Root>
  );
}
