import { Link } from "@tanstack/react-router";
import { Search } from "lucide-react";
import { Brand } from "./brand";
import type { NavGroup } from "./nav";

export function SidebarContent({
  groups,
  onNavigate,
  onSearch,
  footer,
}: {
  groups: NavGroup[];
  onNavigate?: () => void;
  onSearch: () => void;
  footer: React.ReactNode;
}) {
  return (
    <div className="flex h-full flex-col">
      <div className="px-4 pt-5 pb-4">
        <Link
          to="/"
          onClick={onNavigate}
          className="inline-block rounded-md"
          aria-label="Starlane, overview"
        >
          <Brand />
        </Link>
        <button
          type="button"
          onClick={onSearch}
          className="mt-4 flex h-8 w-full items-center gap-2 rounded-md border border-border bg-bg px-2.5 text-faint text-sm hover:border-border-strong hover:text-muted"
        >
          <Search className="size-4" aria-hidden />
          Go to…
          <kbd className="ml-auto rounded-sm border border-border bg-surface px-1.5 font-sans text-xs">
            Ctrl K
          </kbd>
        </button>
      </div>
      <nav aria-label="Main" className="min-h-0 flex-1 overflow-y-auto px-3 pb-4">
        {groups.map((group) => (
          <div key={group.label} className="mt-4 first:mt-0">
            <p className="px-2.5 pb-1 font-medium text-faint text-xs">{group.label}</p>
            <ul className="flex flex-col gap-0.5">
              {group.items.map((item) => (
                <li key={item.to}>
                  <Link
                    to={item.to}
                    onClick={onNavigate}
                    activeOptions={{ exact: item.to === "/", includeSearch: false }}
                    className="flex h-8 items-center gap-2.5 rounded-md px-2.5 font-medium text-muted text-sm hover:bg-hover hover:text-fg"
                    activeProps={{
                      className: "bg-accent-soft text-accent-text! hover:bg-accent-soft!",
                      "aria-current": "page",
                    }}
                  >
                    <item.icon className="size-4" aria-hidden />
                    {item.label}
                  </Link>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
      <div className="border-border border-t p-3">{footer}</div>
    </div>
  );
}
