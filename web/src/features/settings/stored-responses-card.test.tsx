import { screen, waitFor } from "@testing-library/react";
import { expect, it } from "vitest";
import { createMockApi } from "@/test/mock-api";
import { renderApp, signIn } from "@/test/render-app";
import { serve } from "@/test/server";

it("responses are stored when an owner says so, and deleted only after a question", async () => {
  const seen = serve(createMockApi());
  const { user } = renderApp("/settings");
  await signIn(user);
  const patches = () => seen.filter((call) => call.method === "PATCH").map((call) => call.body);

  const off = await screen.findByRole("switch", { name: "Store responses" });
  expect(off.getAttribute("aria-checked")).toBe("false");
  expect(screen.queryByLabelText("Kept for")).toBeNull();
  await user.click(off);
  expect(await screen.findByLabelText("Kept for")).not.toBeNull();
  expect(patches()).toEqual(['{"response_store":{"enabled":true,"ttl_hours":720}}']);

  await user.click(screen.getByRole("switch", { name: "Store responses" }));
  expect(await screen.findByText("Stop storing responses?")).not.toBeNull();
  expect(patches()).toHaveLength(1);
  await user.click(screen.getByRole("button", { name: "Stop and delete" }));
  await waitFor(() => expect(screen.queryByLabelText("Kept for")).toBeNull());
  expect(patches()[1]).toBe('{"response_store":{"enabled":false}}');
});

it("staff do not have an organisation’s responses stored", async () => {
  serve(createMockApi());
  const { user } = renderApp("/settings");
  await signIn(user, "operator@demo.local");
  await screen.findByText("API tokens");
  expect(screen.queryByRole("switch", { name: "Store responses" })).toBeNull();
});
