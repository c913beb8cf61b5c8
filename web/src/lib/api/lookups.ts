import { query } from "./client";
import { ALL } from "./paging";

interface Choice {
  value: string;
  label: string;
}

/** Short lists that fill selects in several features. */
export function useKeyChoices(): Choice[] {
  const { data } = query.useQuery("get", "/keys", { params: { query: { limit: ALL } } });
  return (data?.items ?? []).map((key) => ({ value: key.id, label: key.name }));
}

export function useModelChoices(): Choice[] {
  const { data } = query.useQuery("get", "/models", { params: { query: { limit: ALL } } });
  return (data?.items ?? []).map((model) => ({ value: model.name, label: model.name }));
}

export function useProjectChoices(): Choice[] {
  const { data } = query.useQuery("get", "/projects", { params: { query: { limit: ALL } } });
  return (data?.items ?? []).map((project) => ({ value: project.id, label: project.name }));
}
