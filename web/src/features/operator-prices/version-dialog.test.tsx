import { screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { withAnswers } from "@/test/mock-api";
import { renderApp, signIn } from "@/test/render-app";
import { serve } from "@/test/server";

it("a price of what vendors sell by the thousand says what it is per million", async () => {
  serve(withAnswers({}));
  const { user } = renderApp("/operator/price-books");
  await signIn(user, "operator@demo.local");
  await user.click(await screen.findByRole("button", { name: "Set a price" }));
  await user.click(await screen.findByText("More classes"));
  expect(screen.getByText("$10 per 1,000: 10000")).not.toBeNull();
});
