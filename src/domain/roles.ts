/** What a person may be; one may be several. */
export const roles = ['admin', 'finance', 'reviewer', 'brand', 'creator', 'fan'] as const;
export type Role = (typeof roles)[number];

/** Those that somebody may ask for when registering; the rest an admin grants. */
export const registrationRoles = ['creator', 'fan', 'brand'] as const satisfies Role[];
export type RegistrationRole = (typeof registrationRoles)[number];

/** Those who work for the platform and see everybody's records. */
export const staffRoles = ['admin', 'finance', 'reviewer'] as const satisfies Role[];

/** What a service with an API key may do. */
export const scopes = ['billing:write', 'metrics:write', 'transactions:write', 'users:register'] as const;
export type Scope = (typeof scopes)[number];

/** Requests an hour. */
export const tierLimits = { free: 100, creator: 300, pro: 1000, business: 5000 } as const;
export type Tier = keyof typeof tierLimits;
export const tiers = Object.keys(tierLimits) as Tier[];

/** Requests an hour for staff and for each API key, and for each address of somebody who is not signed in. */
export const staffLimit = 50_000;
export const anonymousLimit = 1000;

/** The tier that somebody starts in; a brand runs whole campaigns through the API. */
export const startingTier: Record<RegistrationRole, Tier> = { creator: 'creator', brand: 'business', fan: 'free' };

export function isStaff(held: readonly Role[]): boolean {
  return held.some((role) => (staffRoles as readonly Role[]).includes(role));
}
