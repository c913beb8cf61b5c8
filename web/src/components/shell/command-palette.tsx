import { Autocomplete } from "@base-ui/react/autocomplete";
import { Dialog } from "@base-ui/react/dialog";
import { Search } from "lucide-react";
import type { ReactNode } from "react";

export interface Command {
  value: string;
  label: string;
  keywords: string;
  icon: ReactNode;
  run: () => void;
}

export interface CommandGroup {
  value: string;
  items: Command[];
}

/** Ctrl-K: every page and the commonest acts, found by typing. */
export function CommandPalette({
  open,
  onOpenChange,
  groups,
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  groups: CommandGroup[];
}) {
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-scrim" />
        <Dialog.Viewport className="fixed inset-0 z-50 flex items-start justify-center px-4 pt-[12dvh]">
          <Dialog.Popup
            aria-label="Command palette"
            className="flex max-h-[min(32rem,76dvh)] w-full max-w-[36rem] flex-col overflow-hidden rounded-lg bg-raised shadow-pop outline-none"
          >
            <Autocomplete.Root
              open
              inline
              items={groups}
              autoHighlight="always"
              keepHighlight
              itemToStringValue={(item: Command) => `${item.label} ${item.keywords}`}
            >
              <div className="flex items-center gap-3 border-border border-b px-4">
                <Search className="size-4 shrink-0 text-faint" aria-hidden />
                <Autocomplete.Input
                  aria-label="Search pages and actions"
                  placeholder="Where to?"
                  className="h-12 w-full bg-transparent text-lg outline-none placeholder:text-faint"
                />
                <kbd className="rounded-sm border border-border px-1.5 font-sans text-faint text-xs">
                  Esc
                </kbd>
              </div>
              <Autocomplete.Empty className="empty:hidden">
                <p className="px-4 py-8 text-center text-muted text-sm">Nothing by that name.</p>
              </Autocomplete.Empty>
              <Autocomplete.List className="min-h-0 overflow-y-auto p-2 empty:hidden">
                {(group: CommandGroup) => (
                  <Autocomplete.Group key={group.value} items={group.items} className="pb-1">
                    <Autocomplete.GroupLabel className="px-3 pt-2 pb-1 font-medium text-faint text-xs">
                      {group.value}
                    </Autocomplete.GroupLabel>
                    <Autocomplete.Collection>
                      {(item: Command) => (
                        <Autocomplete.Item
                          key={item.value}
                          value={item}
                          onClick={() => {
                            onOpenChange(false);
                            item.run();
                          }}
                          className="flex h-9 cursor-default items-center gap-3 rounded-md px-3 text-sm outline-none data-highlighted:bg-accent-soft data-highlighted:text-accent-text [&_svg]:size-4 [&_svg]:opacity-70"
                        >
                          {item.icon}
                          {item.label}
                        </Autocomplete.Item>
                      )}
                    </Autocomplete.Collection>
                  </Autocomplete.Group>
                )}
              </Autocomplete.List>
            </Autocomplete.Root>
          </Dialog.Popup>
        </Dialog.Viewport>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
