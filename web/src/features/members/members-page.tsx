import { Pencil, UserMinus, UserPlus, UsersRound } from "lucide-react";
import { useState } from "react";
import { type Column, DataTable } from "@/components/table/data-table";
import { LoadMore } from "@/components/table/load-more";
import { Alert } from "@/components/ui/alert";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Confirm } from "@/components/ui/confirm";
import { CopyButton } from "@/components/ui/copy-button";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { RowMenu } from "@/components/ui/menu";
import { Page } from "@/components/ui/page";
import { Time } from "@/components/ui/time";
import { useToast } from "@/components/ui/toast";
import { api, query, type Schema } from "@/lib/api/client";
import { useInvalidate } from "@/lib/api/invalidate";
import { cursorPaging, flatten, PAGE_SIZE } from "@/lib/api/paging";
import { useSession } from "@/lib/auth/session";
import { AddMemberDialog, RoleDialog } from "./member-dialogs";

type Member = Schema<"Member">;

export function MembersPage() {
  const { me, can } = useSession();
  const canWrite = can("members.write");
  const toast = useToast();
  const invalidate = useInvalidate();
  const [adding, setAdding] = useState(false);
  const [added, setAdded] = useState<Schema<"MemberCreated">>();
  const [editing, setEditing] = useState<Member>();
  const [removing, setRemoving] = useState<Member>();
  const members = query.useInfiniteQuery(
    "get",
    "/members",
    { params: { query: { limit: PAGE_SIZE } } },
    cursorPaging,
  );
  const rows = flatten(members.data);

  const columns: Column<Member>[] = [
    {
      id: "person",
      header: "Person",
      accessorFn: (member) => member.name || member.email,
      cell: ({ row: { original: member } }) => (
        <div className="py-2">
          <span className="flex items-center gap-2 font-medium">
            {member.name || member.email}
            {member.user_id === me.user.id ? <Badge tone="accent">you</Badge> : null}
          </span>
          {member.name ? (
            <p className="text-faint text-xs [overflow-wrap:anywhere]">{member.email}</p>
          ) : null}
        </div>
      ),
    },
    {
      accessorKey: "role",
      header: "Role",
      cell: ({ row }) => <span className="capitalize">{row.original.role}</span>,
    },
    {
      accessorKey: "created_at",
      header: "Since",
      meta: { from: "sm" },
      cell: ({ row }) => <Time value={row.original.created_at} style="date" />,
    },
    ...(canWrite ? [actionColumn({ onEdit: setEditing, onRemove: setRemoving })] : []),
  ];

  return (
    <Page
      title="Members"
      description={`Who may see and change what in ${me.tenant.name}.`}
      actions={
        canWrite ? (
          <Button
            variant="primary"
            icon={<UserPlus className="size-4" aria-hidden />}
            onClick={() => setAdding(true)}
          >
            Add a person
          </Button>
        ) : null
      }
    >
      {added?.initial_password ? (
        <Alert
          tone="success"
          title={`${added.email} can sign in now`}
          action={<CopyButton text={added.initial_password} label="Copy password" />}
        >
          First password, shown this once:{" "}
          <code className="select-all">{added.initial_password}</code>
        </Alert>
      ) : null}
      {members.error ? (
        <LoadError error={members.error} onRetry={() => void members.refetch()} />
      ) : (
        <Card>
          <DataTable
            columns={columns}
            rows={rows}
            rowId={(member) => member.user_id}
            label="Members"
            loading={members.isPending}
            empty={<Empty icon={<UsersRound aria-hidden />} title="Nobody here yet" />}
          />
          <LoadMore
            shown={rows.length}
            noun="member"
            hasMore={members.hasNextPage}
            busy={members.isFetchingNextPage}
            onMore={() => void members.fetchNextPage()}
          />
        </Card>
      )}
      {adding ? <AddMemberDialog onClose={() => setAdding(false)} onAdded={setAdded} /> : null}
      {editing ? (
        <RoleDialog key={editing.user_id} member={editing} onClose={() => setEditing(undefined)} />
      ) : null}
      <Confirm
        open={removing !== undefined}
        onOpenChange={() => setRemoving(undefined)}
        title={`Remove ${removing?.email ?? ""}?`}
        confirmLabel="Remove person"
        onConfirm={async () => {
          if (!removing) return;
          await api.DELETE("/members/{user_id}", {
            params: { path: { user_id: removing.user_id } },
          });
          await invalidate("/members");
          toast(`${removing.email} is removed`);
        }}
      >
        They can no longer sign in to {me.tenant.name}, and their API tokens stop working. Keys that
        they made keep working.
      </Confirm>
    </Page>
  );
}

function actionColumn({
  onEdit,
  onRemove,
}: {
  onEdit: (member: Member) => void;
  onRemove: (member: Member) => void;
}): Column<Member> {
  return {
    id: "actions",
    header: () => <span className="sr-only">Actions</span>,
    enableSorting: false,
    meta: { align: "right", width: "w-12" },
    cell: ({ row: { original: member } }) => (
      <RowMenu
        label={`Actions for ${member.email}`}
        actions={[
          {
            label: "Change role",
            icon: <Pencil aria-hidden />,
            onSelect: () => onEdit(member),
          },
          "separator",
          {
            label: "Remove…",
            icon: <UserMinus aria-hidden />,
            danger: true,
            onSelect: () => onRemove(member),
          },
        ]}
      />
    ),
  };
}
