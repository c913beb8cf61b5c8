import { createFileRoute, Outlet, redirect, useRouter } from "@tanstack/react-router";
import { useEffect } from "react";
import { AccountMenu } from "@/components/shell/account-menu";
import { PageError } from "@/components/shell/page-error";
import { Shell } from "@/components/shell/shell";
import { setUnauthorizedHandler } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";
import { sessionOptions, switchTenant, useSession, useSignOut } from "@/lib/auth/session";

export const Route = createFileRoute("/_app")({
  beforeLoad: async ({ context, location }) => {
    try {
      await context.queryClient.ensureQueryData(sessionOptions);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        throw redirect({ to: "/sign-in", search: { next: location.href } });
      }
      throw error;
    }
  },
  component: App,
  errorComponent: PageError,
});

function App() {
  const { me, hasTenant } = useSession();
  const signOut = useSignOut();
  const { queryClient } = Route.useRouteContext();
  const router = useRouter();

  useEffect(() => {
    setUnauthorizedHandler(() => {
      if (router.state.location.pathname === "/sign-in") return;
      const next = router.state.location.href;
      queryClient.clear();
      void router.navigate({ to: "/sign-in", search: { next, expired: true } });
    });
  }, [router, queryClient]);

  return (
    <Shell
      hasTenant={hasTenant}
      operator={me.operator}
      demo={me.demo}
      onSignOut={() => void signOut()}
      visiting={
        me.operator && hasTenant
          ? { name: me.tenant.name, onLeave: () => switchTenant(undefined) }
          : undefined
      }
      account={
        <AccountMenu me={me} onSwitchTenant={switchTenant} onSignOut={() => void signOut()} />
      }
    >
      <Outlet />
    </Shell>
  );
}
