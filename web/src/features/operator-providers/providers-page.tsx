import { Plus, Server } from "lucide-react";
import { useState } from "react";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card, CardHeader } from "@/components/ui/card";
import { Empty } from "@/components/ui/empty";
import { LoadError } from "@/components/ui/load-error";
import { Page } from "@/components/ui/page";
import { SkeletonBlock } from "@/components/ui/skeleton";
import { query, type Schema } from "@/lib/api/client";
import { ALL } from "@/lib/api/paging";
import { useSession } from "@/lib/auth/session";
import { AccountBlock } from "./account-block";
import { AccountDialog } from "./account-dialog";
import { vendors } from "./dialects";
import { ProviderDialog } from "./provider-dialog";

/** Vendors with our accounts there, and under each account its credentials. */
export function ProvidersPage() {
  const { can } = useSession();
  const canWrite = can("catalog.write");
  const [adding, setAdding] = useState(false);
  const limit = { params: { query: { limit: ALL } } };
  const providers = query.useQuery("get", "/providers", limit);
  const accounts = query.useQuery("get", "/accounts", limit);
  const keys = query.useQuery("get", "/upstream-keys", limit);
  const error = providers.error ?? accounts.error ?? keys.error;
  const add = canWrite ? (
    <Button
      variant="primary"
      icon={<Plus className="size-4" aria-hidden />}
      onClick={() => setAdding(true)}
    >
      Add provider
    </Button>
  ) : null;

  return (
    <Page
      title="Providers"
      description="Vendors, our accounts there, and the upstream keys of each account. Credentials are encrypted and never shown again."
      actions={add}
    >
      {error ? (
        <LoadError
          error={error}
          onRetry={() => {
            void providers.refetch();
            void accounts.refetch();
            void keys.refetch();
          }}
        />
      ) : null}
      {providers.isPending ? (
        <Card className="p-5">
          <SkeletonBlock lines={6} label="Loading providers" />
        </Card>
      ) : null}
      {providers.data?.items.length === 0 ? (
        <Card>
          <Empty icon={<Server aria-hidden />} title="No providers yet" action={add}>
            Add a vendor, then an account with its base URL, then a key.
          </Empty>
        </Card>
      ) : null}
      {providers.data?.items.map((provider) => (
        <ProviderCard
          key={provider.id}
          provider={provider}
          accounts={(accounts.data?.items ?? []).filter(
            (account) => account.provider_id === provider.id,
          )}
          keys={keys.data?.items ?? []}
          canWrite={canWrite}
        />
      ))}
      {adding ? <ProviderDialog onClose={() => setAdding(false)} /> : null}
    </Page>
  );
}

function ProviderCard({
  provider,
  accounts,
  keys,
  canWrite,
}: {
  provider: Schema<"Provider">;
  accounts: Schema<"Account">[];
  keys: Schema<"UpstreamKey">[];
  canWrite: boolean;
}) {
  const [adding, setAdding] = useState(false);
  return (
    <Card>
      <CardHeader
        title={
          <span className="flex flex-wrap items-center gap-2">
            {provider.name}
            <Badge>{provider.dialect}</Badge>
            {provider.vendor ? <Badge>{vendors[provider.vendor]}</Badge> : null}
            {provider.simulated ? <Badge tone="warning">simulated</Badge> : null}
          </span>
        }
        description={<code>{provider.slug}</code>}
        actions={
          canWrite ? (
            <Button
              size="sm"
              icon={<Plus className="size-4" aria-hidden />}
              onClick={() => setAdding(true)}
            >
              Add account
            </Button>
          ) : null
        }
      />
      {accounts.length === 0 ? (
        <p className="px-4 pb-5 text-muted sm:px-5 text-sm">
          No account yet: nothing can be sent to this provider.
        </p>
      ) : null}
      {accounts.map((account) => (
        <AccountBlock
          key={account.id}
          provider={provider}
          account={account}
          keys={keys.filter((key) => key.account_id === account.id)}
          canWrite={canWrite}
        />
      ))}
      {adding ? <AccountDialog provider={provider} onClose={() => setAdding(false)} /> : null}
    </Card>
  );
}
