import { createMemoryHistory } from "@tanstack/react-router";
import { render, screen } from "@testing-library/react";
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

export async function signIn(
  user: ReturnType<typeof renderApp>["user"],
  email = "mika@northwind.example",
  password = "correct",
) {
  await user.type(await screen.findByLabelText("Email"), email);
  await user.type(screen.getByLabelText("Password"), password);
  await user.click(screen.getByRole("button", { name: "Sign in" }));
}
