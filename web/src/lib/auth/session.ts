import { queryOptions, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { api, type Schema, setCsrfToken } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";
import { chooseTenant, chosenTenant } from "./tenant";

export type Me = Schema<"Me">;
export type Ability = Schema<"Ability">;

/** Staff of the platform belong to this tenant; it has no keys, no usage and no bills. */
const PLATFORM_TENANT = "00000000-0000-0000-0000-000000000000";

async function fetchMe(): Promise<Me> {
  try {
    const { data } = await api.GET("/me");
    if (!data) throw new ApiError(502, "unknown", "The server sent an empty answer.");
    setCsrfToken(data.csrf_token ?? undefined);
    return data;
  } catch (error) {
    // The tenant of this tab may be gone for this person: go home instead of locking them out.
    if (error instanceof ApiError && [403, 404].includes(error.status) && chosenTenant()) {
      chooseTenant(undefined);
      return fetchMe();
    }
    throw error;
  }
}

/** The person looks at the platform itself and not at an organisation that pays. */
export function isPlatform(me: Me): boolean {
  return me.tenant.id === PLATFORM_TENANT;
}

export const sessionOptions = queryOptions({
  queryKey: ["session"],
  queryFn: fetchMe,
  staleTime: 60_000,
});

export interface Session {
  me: Me;
  /** The tab looks at an organisation that pays, not at the platform itself. */
  hasTenant: boolean;
  can: (ability: Ability) => boolean;
}

/** The signed-in person. Only for pages below the signed-in layout, which has loaded it. */
export function useSession(): Session {
  const { data: me } = useSuspenseQuery(sessionOptions);
  return {
    me,
    hasTenant: !isPlatform(me),
    can: (ability) => me.abilities.includes(ability),
  };
}

export async function signIn(email: string, password: string): Promise<void> {
  chooseTenant(undefined);
  setCsrfToken(undefined);
  const { data } = await api.POST("/auth/login", { body: { email, password } });
  setCsrfToken(data?.csrf_token ?? undefined);
}

/** Ends the session here and on the server. */
export function useSignOut(): () => Promise<void> {
  const client = useQueryClient();
  return async () => {
    try {
      await api.POST("/auth/logout");
    } catch (error) {
      // A session that is over already needs no ending.
      if (!(error instanceof ApiError && error.status === 401)) throw error;
    }
    setCsrfToken(undefined);
    chooseTenant(undefined);
    client.clear();
    window.location.assign("/sign-in");
  };
}

/** Looks at another tenant from now on; everything on screen belongs to the old one. */
export function switchTenant(tenant: { id: string; name: string } | undefined): void {
  chooseTenant(tenant);
  window.location.assign("/");
}
