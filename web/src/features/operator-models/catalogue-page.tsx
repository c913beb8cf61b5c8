import { Plus } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Page } from "@/components/ui/page";
import type { Schema } from "@/lib/api/client";
import { useSession } from "@/lib/auth/session";
import { DeploymentDialog } from "./deployment-dialog";
import { DeploymentsCard } from "./deployments-card";
import { ModelDialog } from "./model-dialog";
import { ModelsCard } from "./models-card";

/** What can be called, and where each model runs. */
export function CataloguePage() {
  const { can } = useSession();
  const canWrite = can("catalog.write");
  const [model, setModel] = useState<Schema<"Model"> | "new">();
  const [deployment, setDeployment] = useState<Schema<"Deployment"> | "new">();
  return (
    <Page
      title="Models & deployments"
      description="A model is a public name with a price. A deployment is one place where it runs: a model of a provider account."
      actions={
        canWrite ? (
          <>
            <Button
              icon={<Plus className="size-4" aria-hidden />}
              onClick={() => setDeployment("new")}
            >
              Add deployment
            </Button>
            <Button
              variant="primary"
              icon={<Plus className="size-4" aria-hidden />}
              onClick={() => setModel("new")}
            >
              Add model
            </Button>
          </>
        ) : null
      }
    >
      <ModelsCard canWrite={canWrite} onEdit={setModel} />
      <DeploymentsCard canWrite={canWrite} onEdit={setDeployment} />
      {model ? (
        <ModelDialog
          key={model === "new" ? "new" : model.name}
          model={model === "new" ? undefined : model}
          onClose={() => setModel(undefined)}
        />
      ) : null}
      {deployment ? (
        <DeploymentDialog
          key={deployment === "new" ? "new" : deployment.id}
          deployment={deployment === "new" ? undefined : deployment}
          onClose={() => setDeployment(undefined)}
        />
      ) : null}
    </Page>
  );
}
