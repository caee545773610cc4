import { defineEntity, p } from '@mikro-orm/core';
import type { Role, Tier } from '../../domain/roles.ts';

const UserSchema = defineEntity({
  name: 'User',
  tableName: 'app_user',
  properties: {
    id: p.uuid().primary().defaultRaw('uuidv7()'),
    /** As it was typed; unique whatever its case. */
    email: p.text(),
    /** argon2id, in its own encoded form. */
    passwordHash: p.text(),
    fullName: p.text(),
    roles: p.array().$type<Role[]>(),
    tier: p.text().$type<Tier>(),
    status: p.text().$type<'active' | 'disabled'>().default('active'),
    createdAt: p.datetime().defaultRaw('now()'),
    updatedAt: p
      .datetime()
      .defaultRaw('now()')
      .onUpdate(() => new Date()),
  },
});

/** Somebody who can sign in. */
export class User extends UserSchema.class {}
UserSchema.setClass(User);
export { UserSchema };
