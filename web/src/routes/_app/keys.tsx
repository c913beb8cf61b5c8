import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod";
import { KeysPage } from "@/features/keys/keys-page";
import { flagParam } from "@/lib/url/search";

export const Route = createFileRoute("/_app/keys")({
  validateSearch: z.object({
    create: flagParam,
    view: z.enum(["active", "all"]).optional().catch(undefined),
  }),
  component: Keys,
});

function Keys() {
  const { create, view } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <KeysPage
      creating={create === true}
      onCreatingChange={(next) =>
        void navigate({
          search: (before) => ({ ...before, create: next || undefined }),
          replace: true,
        })
      }
      view={view ?? "active"}
      onViewChange={(next) =>
        void navigate({
          search: (before) => ({ ...before, view: next === "all" ? next : undefined }),
          replace: true,
        })
      }
    />
  );
}
