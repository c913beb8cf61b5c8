import { Plus } from "lucide-react";
import { Button } from "@/components/ui/button";
import { Card, CardHeader } from "@/components/ui/card";
import { LoadError } from "@/components/ui/load-error";
import { Money } from "@/components/ui/money";
import { Page } from "@/components/ui/page";
import { Stat, StatRow } from "@/components/ui/stat";
import { query } from "@/lib/api/client";
import { useSession } from "@/lib/auth/session";
import { LotsTable } from "./lots-table";
import { TopupDialog } from "./topup-dialog";
import { TopupsTable } from "./topups-table";

export function CreditsPage({
  topup,
  onTopupChange,
}: {
  topup: boolean;
  onTopupChange: (open: boolean) => void;
}) {
  const { can } = useSession();
  const credits = query.useQuery("get", "/credits", {}, { refetchInterval: 5_000 });
  const balance = credits.data?.balance;
  const postpaid = balance?.billing_mode === "postpaid";
  return (
    <Page
      title="Credits"
      description="Prepaid credit in lots, spent in the order shown. What relays have set aside counts as yours until it is spent."
      actions={
        can("topups.write") ? (
          <Button
            variant="primary"
            icon={<Plus className="size-4" aria-hidden />}
            onClick={() => onTopupChange(true)}
          >
            Add credits
          </Button>
        ) : null
      }
    >
      {credits.error ? (
        <LoadError error={credits.error} onRetry={() => void credits.refetch()} />
      ) : null}
      <StatRow>
        <Stat
          label="Balance"
          value={balance ? <Money value={balance.balance} /> : undefined}
          note="Credit + set aside − owed"
        />
        <Stat
          label="Credit"
          value={balance ? <Money value={balance.credit} /> : undefined}
          note="In lots that have not expired"
        />
        <Stat
          label="Set aside"
          value={balance ? <Money value={balance.escrow} /> : undefined}
          note="Held by the relays for running requests"
        />
        <Stat
          label={postpaid ? "Owed" : "Not covered"}
          value={balance ? <Money value={balance.receivable} /> : undefined}
          note={
            postpaid && balance ? (
              <>
                Credit limit <Money value={balance.credit_limit} />
              </>
            ) : (
              "Spent beyond the credit"
            )
          }
        />
      </StatRow>
      <Card>
        <CardHeader title="Credit lots" />
        <LotsTable lots={credits.data?.lots ?? []} loading={credits.isPending} />
      </Card>
      <Card>
        <CardHeader title="Top-ups" />
        <TopupsTable />
      </Card>
      {topup ? <TopupDialog open onOpenChange={onTopupChange} /> : null}
    </Page>
  );
}
