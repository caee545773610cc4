import { Type } from 'typebox';
import { recordAudit } from '../database/audit.ts';
import { findUser, listUsers, lockAdmins, replaceRoles } from '../database/users.ts';
import { Problem } from '../domain/problems.ts';
import { roles } from '../domain/roles.ts';
import type { App } from './app.ts';
import { listQueryWith, page, pageSchema, parseIdCursor } from './pagination.ts';
import { actorOf } from './principal.ts';
import { idParams, oneOf, strict } from './schemas.ts';
import { userSchema, userView } from './user-view.ts';

const tags = ['Identity'];

export function userRoutes(app: App): void {
  app.get(
    '/api/v1/admin/users',
    {
      config: { access: { roles: ['admin'] } },
      schema: {
        tags,
        summary: 'List the users',
        querystring: listQueryWith({
          q: Type.Optional(Type.String({ maxLength: 200, description: 'Part of the name or the e-mail address' })),
          role: Type.Optional(oneOf(roles)),
        }),
        response: { 200: pageSchema(userSchema) },
      },
    },
    async ({ query: { q, role, limit, cursor } }) => {
      const users = await listUsers(app.orm.em.fork(), { q, role, after: parseIdCursor(cursor), limit: limit + 1 });
      const { data, ...rest } = page(users, limit, (user) => user.id);
      return { data: data.map(userView), ...rest };
    },
  );

  app.post(
    '/api/v1/admin/users/:id/roles',
    {
      config: { access: { roles: ['admin'] } },
      schema: {
        tags,
        summary: "Replace a user's roles",
        description: 'They count from the next request on. Somebody who becomes a creator gets a profile.',
        params: idParams,
        body: Type.Object(
          { roles: Type.Array(oneOf(roles), { minItems: 1, maxItems: roles.length, uniqueItems: true }) },
          strict,
        ),
        response: { 200: userSchema },
      },
    },
    async (request) => {
      const { id } = request.params;
      const wanted = request.body.roles;
      return app.orm.em.fork().transactional(async (em) => {
        const admins = await lockAdmins(em);
        const before = await findUser(em, id);
        if (!before) throw new Problem('not_found', 'There is no such user.');
        const remains = wanted.includes('admin') || admins.some((admin) => admin !== id);
        if (!remains) throw new Problem('conflict', 'Somebody else has to become an admin first.');
        await replaceRoles(em, id, wanted);
        const details = { before: before.roles, after: wanted };
        await recordAudit(em, {
          actor: actorOf(request),
          action: 'roles_replaced',
          subject: { type: 'user', id },
          details,
        });
        const after = await findUser(em, id);
        return userView(after!);
      });
    },
  );
}
