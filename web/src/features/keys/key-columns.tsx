import { Ban, Pencil, Power, PowerOff } from "lucide-react";
import type { Column } from "@/components/table/data-table";
import { RowMenu } from "@/components/ui/menu";
import { Meter } from "@/components/ui/meter";
import { Money } from "@/components/ui/money";
import { StateBadge } from "@/components/ui/state-badge";
import { Time } from "@/components/ui/time";
import type { Schema } from "@/lib/api/client";
import { compareMoney, formatMoney, moneyShare } from "@/lib/format/money";

export type Key = Schema<"Key">;

export interface KeyActions {
  canWrite: boolean;
  onEdit: (key: Key) => void;
  onToggle: (key: Key) => void;
  onRevoke: (key: Key) => void;
}

const WINDOW_NAMES: Record<string, string> = {
  day: "today",
  week: "this week",
  month: "this month",
  total: "in total",
};

export function shownState(key: Key, now = new Date()): string {
  if (key.state === "revoked") return "revoked";
  if (key.expires_at && new Date(key.expires_at) <= now) return "expired";
  return key.state;
}

export function keyColumns(actions: KeyActions): Column<Key>[] {
  return [
    {
      accessorKey: "name",
      header: "Name",
      cell: ({ row: { original: key } }) => (
        <div className="py-2">
          {actions.canWrite && key.state !== "revoked" ? (
            <button
              type="button"
              onClick={() => actions.onEdit(key)}
              className="rounded-sm text-left font-medium hover:underline"
            >
              {key.name}
            </button>
          ) : (
            <span className="font-medium">{key.name}</span>
          )}
          <p className="whitespace-nowrap font-mono text-faint text-xs">sk-sl-{key.public_id}…</p>
        </div>
      ),
    },
    {
      id: "state",
      header: "State",
      meta: { from: "sm" },
      accessorFn: (key) => shownState(key),
      cell: ({ row }) => <StateBadge state={shownState(row.original)} />,
    },
    {
      accessorKey: "project_name",
      header: "Project",
      meta: { from: "lg" },
      cell: ({ row }) => row.original.project_name,
    },
    {
      id: "models",
      header: "Models",
      meta: { from: "lg" },
      enableSorting: false,
      cell: ({ row }) => <Models names={row.original.allowed_models} />,
    },
    {
      id: "last_used",
      header: "Last used",
      meta: { from: "md" },
      accessorFn: (key) => key.last_used_at ?? "",
      cell: ({ row }) =>
        row.original.last_used_at ? (
          <Time value={row.original.last_used_at} style="relative" />
        ) : (
          <span className="text-faint">never</span>
        ),
    },
    {
      id: "spent",
      header: "Spent",
      meta: { align: "right" },
      sortFn: (a, b) => compareMoney(a.original.spent, b.original.spent),
      accessorFn: (key) => key.spent,
      cell: ({ row }) => <Spent spent={row.original} />,
    },
    ...(actions.canWrite
      ? [
          {
            id: "actions",
            header: () => <span className="sr-only">Actions</span>,
            enableSorting: false,
            meta: { align: "right", width: "w-12" } as const,
            cell: ({ row }: { row: { original: Key } }) => (
              <Actions actions={actions} subject={row.original} />
            ),
          },
        ]
      : []),
  ];
}

function Models({ names }: { names: string[] }) {
  if (names.length === 0) return <span className="text-muted">All</span>;
  const first = names[0] ?? "";
  return (
    <span title={names.join(", ")} className="whitespace-nowrap">
      {first}
      {names.length > 1 ? <span className="text-faint"> +{names.length - 1}</span> : null}
    </span>
  );
}

function Spent({ spent: key }: { spent: Key }) {
  if (!key.budget) {
    return (
      <div className="py-2">
        <Money value={key.spent} />
        <p className="text-faint text-xs">{WINDOW_NAMES.month}</p>
      </div>
    );
  }
  const share = moneyShare(key.spent, key.budget.amount);
  const budget = formatMoney(key.budget.amount);
  return (
    <div className="ml-auto flex w-24 flex-col sm:w-36 gap-1 py-2">
      <p className="sm:whitespace-nowrap">
        <Money value={key.spent} />{" "}
        <span className="whitespace-nowrap text-faint">of {budget}</span>
      </p>
      <Meter share={share} label={`Budget of ${key.name}`} />
      <p className="text-faint text-xs">{WINDOW_NAMES[key.budget.window]}</p>
    </div>
  );
}

function Actions({ actions, subject: key }: { actions: KeyActions; subject: Key }) {
  if (key.state === "revoked") return null;
  return (
    <RowMenu
      label={`Actions for ${key.name}`}
      actions={[
        { label: "Edit", icon: <Pencil aria-hidden />, onSelect: () => actions.onEdit(key) },
        key.state === "active"
          ? {
              label: "Disable",
              icon: <PowerOff aria-hidden />,
              onSelect: () => actions.onToggle(key),
            }
          : { label: "Enable", icon: <Power aria-hidden />, onSelect: () => actions.onToggle(key) },
        "separator",
        {
          label: "Revoke…",
          icon: <Ban aria-hidden />,
          danger: true,
          onSelect: () => actions.onRevoke(key),
        },
      ]}
    />
  );
}
