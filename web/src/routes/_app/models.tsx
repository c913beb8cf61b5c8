import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod";
import { ModelsPage } from "@/features/models/models-page";
import { textParam } from "@/lib/url/search";

export const Route = createFileRoute("/_app/models")({
  validateSearch: z.object({ q: textParam }),
  component: Models,
});

function Models() {
  const { q } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <ModelsPage
      text={q ?? ""}
      onTextChange={(text) => void navigate({ search: { q: text || undefined }, replace: true })}
    />
  );
}
