import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Field } from "@/components/form/field";
import { Card, CardBody, CardHeader } from "@/components/ui/card";
import { Confirm } from "@/components/ui/confirm";
import { Select } from "@/components/ui/select";
import { Switch } from "@/components/ui/switch";
import { useToast } from "@/components/ui/toast";
import { api, type Schema } from "@/lib/api/client";
import { errorText } from "@/lib/api/errors";
import { sessionOptions, useSession } from "@/lib/auth/session";

const HOURS = [
  { value: "1", label: "1 hour" },
  { value: "24", label: "1 day" },
  { value: "168", label: "7 days" },
  { value: "720", label: "30 days" },
];

/** The one setting by which prompts and answers are kept. It is off unless people of the organisation turn it on. */
export function StoredResponsesCard() {
  const { me, can } = useSession();
  const toast = useToast();
  const client = useQueryClient();
  const [ending, setEnding] = useState(false);
  const { enabled, ttl_hours: hours } = me.tenant.response_store;
  const canStart = can("tenant.update") && me.role !== "operator";
  const kept = HOURS.find(({ value }) => value === String(hours));

  const save = async (response_store: Schema<"ResponseStorePatch">) => {
    await api.PATCH("/tenants/{tenant_id}", {
      params: { path: { tenant_id: me.tenant.id } },
      body: { response_store },
    });
    await client.invalidateQueries(sessionOptions);
    toast(`Responses are ${response_store.enabled ? "stored" : "not stored"}`);
  };
  const start = (ttl_hours: number) =>
    save({ enabled: true, ttl_hours }).catch((error) => toast(errorText(error), "danger"));

  return (
    <Card>
      <CardHeader
        title="Stored responses"
        description={`${enabled ? "On" : "Off"}. For clients of the Responses API that go on by previous_response_id or read responses again.`}
        actions={
          canStart || (enabled && can("tenant.update")) ? (
            <Switch
              label="Store responses"
              checked={enabled}
              onChange={(on) => (on ? void start(hours) : setEnding(true))}
            />
          ) : null
        }
      />
      <CardBody>
        <p className="max-w-prose text-muted text-sm">
          {enabled ? "Prompts" : "While this is on, prompts"} and answers of /v1/responses are kept
          in the relays’ Redis, encrypted with a key of your organisation, unless a request says
          store: false. Every key of the organisation can read them. Turning it off deletes them.
        </p>
        {enabled ? (
          <div className="mt-4 max-w-60">
            <Field label="Kept for" hint="Counts for responses from now on.">
              <Select
                label="Kept for"
                value={String(hours)}
                disabled={!canStart}
                options={
                  kept ? HOURS : [...HOURS, { value: String(hours), label: `${hours} hours` }]
                }
                onChange={(value) => void start(Number(value))}
              />
            </Field>
          </div>
        ) : null}
      </CardBody>
      <Confirm
        open={ending}
        onOpenChange={setEnding}
        title="Stop storing responses?"
        confirmLabel="Stop and delete"
        onConfirm={() => save({ enabled: false })}
      >
        What is stored is deleted at once and cannot be brought back. Clients that go on by
        previous_response_id get an error.
      </Confirm>
    </Card>
  );
}
