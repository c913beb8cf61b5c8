import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { models } from "@/test/mock/platform-data";
import { withAnswers } from "@/test/mock-api";
import { renderApp, signIn } from "@/test/render-app";
import { serve } from "@/test/server";

describe("models", () => {
  it("without a price say so once, those without a class say none, and those paid by other units say which", async () => {
    const [priced, free] = models;
    serve(
      withAnswers({
        "GET /models": {
          status: 200,
          body: {
            items: [
              { ...priced, name: "m/unpriced", price: null },
              {
                ...free,
                name: "m/speech",
                price: { ...free?.price, rates: { char_in: "15.00", out_image: "40.00" } },
              },
              {
                ...free,
                name: "m/input-only",
                price: { ...free?.price, rates: { in_text: "1.00" } },
              },
            ],
            next_cursor: null,
          },
        },
      }),
    );
    const { user } = renderApp("/models");
    await signIn(user);
    const row = async (name: string) =>
      within((await screen.findByRole("button", { name })).closest("tr") as HTMLElement);
    const unpriced = await row("m/unpriced");
    expect(unpriced.getAllByText("no price yet")).toHaveLength(1);
    expect(unpriced.queryByText("none")).toBeNull();
    expect((await row("m/input-only")).getAllByText("none")).toHaveLength(2);
    const speech = await row("m/speech");
    expect(speech.getByText("Characters spoken").parentElement?.textContent).toContain("$15.00");
    expect(speech.getByText("Image output").parentElement?.textContent).toContain("$40.00");
  });
});
