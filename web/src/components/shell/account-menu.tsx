import { useNavigate } from "@tanstack/react-router";
import { Building2, ChevronsUpDown, LogOut, Settings } from "lucide-react";
import { Menu, type MenuAction } from "@/components/ui/menu";
import type { Schema } from "@/lib/api/client";
import { ThemeChoice } from "./theme-choice";

/** Who is signed in and where; the way to other tenants, the theme and out. */
export function AccountMenu({
  me,
  onSwitchTenant,
  onSignOut,
}: {
  me: Schema<"Me">;
  onSwitchTenant: (tenant: { id: string; name: string }) => void;
  onSignOut: () => void;
}) {
  const navigate = useNavigate();
  const name = me.user.name || me.user.email;
  const others: MenuAction[] = me.memberships
    .filter((membership) => membership.tenant_id !== me.tenant.id)
    .map((membership) => ({
      label: `Go to ${membership.tenant_name}`,
      icon: <Building2 aria-hidden />,
      onSelect: () => onSwitchTenant({ id: membership.tenant_id, name: membership.tenant_name }),
    }));
  return (
    <Menu
      align="start"
      trigger={
        <button
          type="button"
          className="flex w-full items-center gap-2.5 rounded-md p-2 text-left hover:bg-hover"
        >
          <span
            aria-hidden
            className="flex size-8 shrink-0 items-center justify-center rounded-md bg-accent-soft font-semibold text-accent-text text-sm uppercase"
          >
            {name.slice(0, 1)}
          </span>
          <span className="min-w-0 flex-1">
            <span className="block truncate font-medium text-sm">{name}</span>
            <span className="block truncate text-muted text-xs">{me.tenant.name}</span>
          </span>
          <span className="sr-only">Account menu</span>
          <ChevronsUpDown className="size-4 shrink-0 text-faint" aria-hidden />
        </button>
      }
      header={
        <div className="flex flex-col gap-2.5">
          <div className="text-sm">
            <p className="font-medium">{me.user.email}</p>
            <p className="text-muted capitalize">{me.role}</p>
          </div>
          <ThemeChoice withLabels />
        </div>
      }
      actions={[
        ...others,
        {
          label: "Settings",
          icon: <Settings aria-hidden />,
          onSelect: () => void navigate({ to: "/settings" }),
        },
        "separator",
        { label: "Sign out", icon: <LogOut aria-hidden />, onSelect: onSignOut },
      ]}
    />
  );
}
