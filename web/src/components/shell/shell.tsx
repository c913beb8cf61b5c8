import { Dialog } from "@base-ui/react/dialog";
import { useNavigate } from "@tanstack/react-router";
import {
  FlaskConical,
  KeyRound,
  LogOut,
  Menu as MenuIcon,
  Moon,
  Plus,
  Search,
  Sun,
} from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { Button } from "@/components/ui/button";
import { setTheme } from "@/lib/theme";
import { Brand } from "./brand";
import { type CommandGroup, CommandPalette } from "./command-palette";
import { type NavGroup, OPERATOR_NAV, TENANT_NAV } from "./nav";
import { SidebarContent } from "./sidebar";

export interface ShellProps {
  hasTenant: boolean;
  operator: boolean;
  demo: boolean;
  account: ReactNode;
  /** Set while an operator looks at a tenant that is not their own. */
  visiting: { name: string; onLeave: () => void } | undefined;
  onSignOut: () => void;
  children: ReactNode;
}

/** The frame around every signed-in page: navigation, palette, banner and the skip link. */
export function Shell({
  hasTenant,
  operator,
  demo,
  account,
  visiting,
  onSignOut,
  children,
}: ShellProps) {
  const [palette, setPalette] = useState(false);
  const [drawer, setDrawer] = useState(false);
  const groups: NavGroup[] = [
    ...(hasTenant ? TENANT_NAV : TENANT_NAV.slice(-1)),
    ...(operator ? [OPERATOR_NAV] : []),
  ];

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setPalette((open) => !open);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  return (
    <div className="flex min-h-dvh flex-col lg:pl-60">
      <a
        href="#main"
        className="fixed top-2 left-2 z-60 -translate-y-20 rounded-md bg-accent px-4 py-2 font-medium text-accent-fg focus:translate-y-0"
      >
        Skip to content
      </a>

      <aside className="fixed inset-y-0 left-0 hidden w-60 border-border border-r bg-surface lg:block">
        <SidebarContent groups={groups} onSearch={() => setPalette(true)} footer={account} />
      </aside>

      <header className="sticky top-0 z-30 flex h-14 items-center gap-2 border-border border-b bg-surface px-4 lg:hidden">
        <Button variant="ghost" size="icon" aria-label="Open menu" onClick={() => setDrawer(true)}>
          <MenuIcon className="size-5" aria-hidden />
        </Button>
        <Brand />
        <Button
          variant="ghost"
          size="icon"
          aria-label="Search pages and actions"
          className="ml-auto"
          onClick={() => setPalette(true)}
        >
          <Search className="size-5" aria-hidden />
        </Button>
      </header>

      <Dialog.Root open={drawer} onOpenChange={setDrawer}>
        <Dialog.Portal>
          <Dialog.Backdrop className="fixed inset-0 z-40 bg-scrim transition-opacity duration-150 data-ending-style:opacity-0 data-starting-style:opacity-0" />
          <Dialog.Popup
            aria-label="Menu"
            className="fixed inset-y-0 left-0 z-50 w-72 max-w-[85vw] bg-surface shadow-pop outline-none transition-transform duration-150 data-ending-style:-translate-x-full data-starting-style:-translate-x-full"
          >
            <SidebarContent
              groups={groups}
              onNavigate={() => setDrawer(false)}
              onSearch={() => {
                setDrawer(false);
                setPalette(true);
              }}
              footer={account}
            />
          </Dialog.Popup>
        </Dialog.Portal>
      </Dialog.Root>

      {demo ? (
        <section
          aria-label="Demo notice"
          className="flex items-center justify-center gap-2 border-border border-b bg-warning-soft px-4 py-1.5 text-center font-medium text-warning text-xs"
        >
          <FlaskConical className="size-3.5 shrink-0" aria-hidden />
          demo data · simulated providers
        </section>
      ) : null}

      {visiting ? (
        <section
          aria-label="Visited tenant"
          className="flex flex-wrap items-center justify-center gap-x-3 gap-y-1 border-border border-b bg-accent-soft px-4 py-1.5 text-center text-accent-text text-xs"
        >
          <span>
            You are looking at <strong className="font-semibold">{visiting.name}</strong> as an
            operator.
          </span>
          <button
            type="button"
            onClick={visiting.onLeave}
            className="rounded-sm font-semibold underline underline-offset-2"
          >
            Back to the platform
          </button>
        </section>
      ) : null}

      <main id="main" tabIndex={-1} className="flex min-w-0 flex-1 flex-col outline-none">
        {children}
      </main>

      <Palette
        open={palette}
        onOpenChange={setPalette}
        groups={groups}
        hasTenant={hasTenant}
        onSignOut={onSignOut}
      />
    </div>
  );
}

function Palette({
  open,
  onOpenChange,
  groups,
  hasTenant,
  onSignOut,
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  groups: NavGroup[];
  hasTenant: boolean;
  onSignOut: () => void;
}) {
  const navigate = useNavigate();
  const pages: CommandGroup[] = groups.map((group) => ({
    value: group.label,
    items: group.items.map((item) => ({
      value: item.to,
      label: item.label,
      keywords: item.keywords ?? "",
      icon: <item.icon aria-hidden />,
      run: () => void navigate({ to: item.to }),
    })),
  }));
  const actions: CommandGroup = {
    value: "Actions",
    items: [
      ...(hasTenant
        ? [
            {
              value: "create-key",
              label: "Create an API key",
              keywords: "new secret",
              icon: <KeyRound aria-hidden />,
              run: () => void navigate({ to: "/keys", search: { create: true } }),
            },
            {
              value: "top-up",
              label: "Add credits",
              keywords: "top up pay balance",
              icon: <Plus aria-hidden />,
              run: () => void navigate({ to: "/credits", search: { topup: true } }),
            },
          ]
        : []),
      {
        value: "theme-light",
        label: "Use the light theme",
        keywords: "appearance",
        icon: <Sun aria-hidden />,
        run: () => setTheme("light"),
      },
      {
        value: "theme-dark",
        label: "Use the dark theme",
        keywords: "appearance night",
        icon: <Moon aria-hidden />,
        run: () => setTheme("dark"),
      },
      {
        value: "sign-out",
        label: "Sign out",
        keywords: "log out leave",
        icon: <LogOut aria-hidden />,
        run: onSignOut,
      },
    ],
  };
  return <CommandPalette open={open} onOpenChange={onOpenChange} groups={[actions, ...pages]} />;
}
