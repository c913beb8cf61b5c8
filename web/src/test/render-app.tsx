import { createMemoryHistory } from "@tanstack/react-router";
import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { App, createAppRouter } from "@/app";
import { createQueryClient } from "@/lib/api/query-client";

/** The whole console at a path, as a person would open it. */
export function renderApp(path: string) {
  const queryClient = createQueryClient();
  const router = createAppRouter(queryClient, createMemoryHistory({ initialEntries: [path] }));
  render(<App queryClient={queryClient} router={router} />);
  return { router, user: userEvent.setup() };
}
