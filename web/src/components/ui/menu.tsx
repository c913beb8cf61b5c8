import { Menu as Base } from "@base-ui/react/menu";
import { Ellipsis } from "lucide-react";
import type { ReactElement, ReactNode } from "react";
import { cx } from "@/lib/cx";
import { Button } from "./button";

export interface MenuAction {
  label: string;
  icon?: ReactNode;
  onSelect: () => void;
  danger?: boolean;
  disabled?: boolean;
}

const ITEM =
  "flex cursor-default select-none items-center gap-2.5 rounded-sm px-2.5 py-1.5 text-sm outline-none data-highlighted:bg-hover data-disabled:opacity-50 [&_svg]:size-4";

/** A menu of actions behind a trigger. Rows of tables use `RowMenu`. */
export function Menu({
  trigger,
  actions,
  header,
  align = "end",
}: {
  trigger: ReactElement;
  actions: (MenuAction | "separator")[];
  header?: ReactNode;
  align?: "start" | "end";
}) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner className="z-50 outline-none" sideOffset={6} align={align}>
          <Base.Popup className="min-w-48 origin-(--transform-origin) rounded-md bg-raised p-1.5 shadow-pop outline-none transition-[scale,opacity] duration-100 data-ending-style:scale-[0.98] data-ending-style:opacity-0 data-starting-style:scale-[0.98] data-starting-style:opacity-0">
            {header ? (
              <div className="mb-1.5 border-border border-b px-2.5 pt-1 pb-2.5">{header}</div>
            ) : null}
            {actions.map((action, position) =>
              action === "separator" ? (
                <Base.Separator
                  // biome-ignore lint/suspicious/noArrayIndexKey: separators have no identity
                  key={`separator-${position}`}
                  className="my-1.5 h-px bg-border"
                />
              ) : (
                <Base.Item
                  key={action.label}
                  disabled={action.disabled ?? false}
                  onClick={action.onSelect}
                  className={cx(ITEM, action.danger ? "text-danger" : "text-fg [&_svg]:text-muted")}
                >
                  {action.icon}
                  {action.label}
                </Base.Item>
              ),
            )}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

export function RowMenu({
  label,
  actions,
}: {
  label: string;
  actions: (MenuAction | "separator")[];
}) {
  return (
    <Menu
      trigger={
        <Button variant="ghost" size="icon" aria-label={label}>
          <Ellipsis className="size-4" aria-hidden />
        </Button>
      }
      actions={actions}
    />
  );
}
