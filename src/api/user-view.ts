import { Type } from 'typebox';
import type { UserRecord } from '../database/users.ts';
import { roles, tiers } from '../domain/roles.ts';
import { idSchema, nullable, oneOf, timestampSchema } from './schemas.ts';

export const userSchema = Type.Object({
  id: idSchema,
  email: Type.String(),
  full_name: Type.String(),
  role: oneOf(roles),
  roles: Type.Array(oneOf(roles)),
  tier: oneOf(tiers),
  creator_id: nullable(idSchema),
  created_at: timestampSchema,
});

/** A user as the API shows it; `role` is the first of its roles. */
export function userView(user: UserRecord) {
  return {
    id: user.id,
    email: user.email,
    full_name: user.fullName,
    role: user.roles[0]!,
    roles: user.roles,
    tier: user.tier,
    creator_id: user.creatorId,
    created_at: user.createdAt,
  };
}
