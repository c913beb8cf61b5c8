import { useState } from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { CodeBlock } from "@/components/ui/code-block";
import { CopyButton } from "@/components/ui/copy-button";
import { Dialog } from "@/components/ui/dialog";
import { Tabs } from "@/components/ui/tabs";
import type { Schema } from "@/lib/api/client";
import { useModelChoices } from "@/lib/api/lookups";
import { useSession } from "@/lib/auth/session";
import { snippets } from "./snippets";
import { TestRequest } from "./test-request";

/** The only moment at which the secret is on screen: copy it, use it, try it. */
export function KeyReveal({
  created,
  onClose,
}: {
  created: Schema<"KeyCreated">;
  onClose: () => void;
}) {
  const { me } = useSession();
  const models = useModelChoices();
  const allowed = created.allowed_models[0] ?? models[0]?.value ?? "demo/echo";
  const [client, setClient] = useState("curl");
  const ready = snippets({ baseUrl: me.relay_base_url, key: created.secret, model: allowed });
  return (
    <Dialog
      open
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      dismissible={false}
      size="lg"
      title={`${created.name} is ready`}
      description="Copy the key now. It is stored only as a digest and cannot be shown again."
      footer={
        <Button variant="primary" onClick={onClose}>
          I have stored the key
        </Button>
      }
    >
      <div className="flex flex-col gap-6">
        <div className="flex flex-wrap items-center gap-3 rounded-md border border-accent bg-accent-soft p-3">
          <code
            data-testid="secret"
            className="min-w-0 flex-1 basis-full select-all font-medium sm:basis-0 text-sm [overflow-wrap:anywhere]"
          >
            {created.secret}
          </code>
          <CopyButton text={created.secret} label="Copy key" variant="primary" />
        </div>
        <section aria-labelledby="use-it">
          <h3 id="use-it" className="mb-2 font-semibold text-base">
            Use it
          </h3>
          <Tabs
            label="Client"
            value={client}
            onChange={setClient}
            tabs={ready.map((snippet) => ({
              value: snippet.id,
              label: snippet.title,
              content: <CodeBlock code={snippet.code} label={`${snippet.title} snippet`} />,
            }))}
          />
        </section>
        <TestRequest
          baseUrl={me.relay_base_url}
          keyId={created.id}
          secret={created.secret}
          model={allowed}
          models={
            created.allowed_models.length > 0
              ? created.allowed_models
              : models.map((model) => model.value)
          }
        />
        {created.expires_at ? (
          <Alert tone="info">This key expires on {created.expires_at.slice(0, 10)} (UTC).</Alert>
        ) : null}
      </div>
    </Dialog>
  );
}
