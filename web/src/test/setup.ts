import { cleanup, configure } from "@testing-library/react";
import { afterAll, afterEach, beforeAll } from "vitest";
import { setCsrfToken } from "@/lib/api/client";
import { server } from "./server";

// A loaded machine may take seconds to draw a page; a test that waits for nothing costs nothing more.
configure({ asyncUtilTimeout: 15_000 });

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));

afterEach(() => {
  cleanup();
  server.resetHandlers();
  setCsrfToken(undefined);
  sessionStorage.clear();
});

afterAll(() => server.close());
