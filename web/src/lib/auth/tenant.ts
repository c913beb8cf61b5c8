/**
 * Which tenant the calls are for. It lives in the tab's session storage: two tabs may look at two
 * tenants, and a new tab starts at home.
 */
const KEY = "starlane.tenant";

export interface ChosenTenant {
  id: string;
  name: string;
}

export function chosenTenant(): string | undefined {
  return readChoice()?.id;
}

export function readChoice(): ChosenTenant | undefined {
  try {
    const stored = sessionStorage.getItem(KEY);
    if (!stored) return undefined;
    const value = JSON.parse(stored) as Partial<ChosenTenant>;
    return value.id && value.name ? { id: value.id, name: value.name } : undefined;
  } catch {
    return undefined;
  }
}

export function chooseTenant(tenant: ChosenTenant | undefined): void {
  try {
    if (tenant) sessionStorage.setItem(KEY, JSON.stringify(tenant));
    else sessionStorage.removeItem(KEY);
  } catch {
    // Without storage the console stays with the home tenant.
  }
}
