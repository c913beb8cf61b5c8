import { screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { providers } from "@/test/mock/platform-data";
import { withAnswers } from "@/test/mock-api";
import { renderApp, signIn } from "@/test/render-app";
import { serve } from "@/test/server";

it("an account asks for what its provider’s cloud wants to know, and for nothing else", async () => {
  const [vendor] = providers;
  serve(
    withAnswers({
      "GET /providers": {
        status: 200,
        body: { items: [{ ...vendor, dialect: "bedrock" }], next_cursor: null },
      },
    }),
  );
  const { user } = renderApp("/operator/providers");
  await signIn(user, "operator@demo.local");
  await user.click(await screen.findByRole("button", { name: "Add account" }));
  expect(await screen.findByLabelText("Region")).not.toBeNull();
  expect(screen.getByPlaceholderText(/^https:\/\/bedrock-runtime/)).not.toBeNull();
  expect(screen.queryByLabelText("Project")).toBeNull();
  expect(screen.queryByLabelText(/API version/)).toBeNull();
});

it("a key is told in which form its provider takes one", async () => {
  const [vendor] = providers;
  serve(
    withAnswers({
      "GET /providers": {
        status: 200,
        body: { items: [{ ...vendor, dialect: "vertex_anthropic" }], next_cursor: null },
      },
    }),
  );
  const { user } = renderApp("/operator/providers");
  await signIn(user, "operator@demo.local");
  await user.click((await screen.findAllByRole("button", { name: "Add key" }))[0] as HTMLElement);
  expect(await screen.findByText("The JSON file of a service account")).not.toBeNull();
});

it("a provider says whose dialect of OpenAI’s format it speaks", async () => {
  const [vendor] = providers;
  serve(
    withAnswers({
      "GET /providers": {
        status: 200,
        body: { items: [{ ...vendor, vendor: "moonshot" }], next_cursor: null },
      },
    }),
  );
  const { user } = renderApp("/operator/providers");
  await signIn(user, "operator@demo.local");
  expect(await screen.findByText("Moonshot (Kimi)")).not.toBeNull();
});
