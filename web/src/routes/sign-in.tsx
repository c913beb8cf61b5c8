import { createFileRoute, useRouter } from "@tanstack/react-router";
import { z } from "zod";
import { SignInPage } from "@/features/sign-in/sign-in-page";
import { sessionOptions, signIn } from "@/lib/auth/session";
import { safeReturnPath } from "@/lib/url/return-path";

const search = z.object({
  next: z.string().optional().catch(undefined),
  expired: z.boolean().optional().catch(undefined),
});

export const Route = createFileRoute("/sign-in")({
  validateSearch: search,
  component: SignIn,
});

function SignIn() {
  const { next, expired } = Route.useSearch();
  const { queryClient } = Route.useRouteContext();
  const router = useRouter();
  return (
    <SignInPage
      expired={expired === true}
      onSignIn={async (email, password) => {
        await signIn(email, password);
        queryClient.clear();
        await queryClient.fetchQuery(sessionOptions);
        router.history.push(safeReturnPath(next));
      }}
    />
  );
}
