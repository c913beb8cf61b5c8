import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import type { paths } from "./schema.gen";

/** Marks what was read from these paths as stale, so that a change shows at once. */
export function useInvalidate(): (...paths: (keyof paths)[]) => Promise<void> {
  const client = useQueryClient();
  return useCallback(
    async (...changed) => {
      await Promise.all(
        changed.map((path) => client.invalidateQueries({ queryKey: ["get", path] })),
      );
    },
    [client],
  );
}
