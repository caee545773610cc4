import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { endSession, rotateSession, startSession, type RefreshedSession } from '../database/sessions.ts';
import { findLogin, findUser, insertUser, type UserRecord } from '../database/users.ts';
import { Problem } from '../domain/problems.ts';
import { registrationRoles } from '../domain/roles.ts';
import type { App } from './app.ts';
import { hashPassword, isPassword } from './passwords.ts';
import { ACCESS_TOKEN_SECONDS } from './plugins/authentication.ts';
import { applyHourlyLimit, applyLimit, limitOf, networkOf } from './plugins/rate-limits.ts';
import { requireUser } from './principal.ts';
import { noContent, oneOf, strict } from './schemas.ts';
import { userSchema, userView } from './user-view.ts';

const REGISTRATIONS_PER_HOUR = 60;
const LOGIN_TRIES = { max: 10, seconds: 60 };
/** Nobody has to be signed in to send these, so they are kept small. */
const BODY_LIMIT_BYTES = 16 * 1024;

const tags = ['Identity'];
const emailSchema = Type.String({ format: 'email', maxLength: 254 });
const tokensSchema = Type.Object({
  access_token: Type.String(),
  refresh_token: Type.String(),
  token_type: Type.Literal('Bearer'),
  expires_in: Type.Integer({ description: 'Seconds that the access token lasts' }),
  user: userSchema,
});

export function authRoutes(app: App): void {
  app.post(
    '/api/v1/auth/register',
    {
      config: { access: 'anyone', rateLimit: 'own' },
      bodyLimit: BODY_LIMIT_BYTES,
      onRequest: limitRegistrations,
      schema: {
        tags,
        summary: 'Register',
        description:
          'A creator also gets its profile and wallet. With an API key of scope `users:register` the limit of that key counts instead of the one for each address.',
        body: Type.Object(
          {
            email: emailSchema,
            password: Type.String({ minLength: 10, maxLength: 200 }),
            full_name: Type.String({ minLength: 1, maxLength: 200 }),
            role: oneOf(registrationRoles),
          },
          strict,
        ),
        response: { 201: tokensSchema },
      },
    },
    async (request, reply) => {
      const { email, password, full_name: fullName, role } = request.body;
      const passwordHash = await hashPassword(password);
      const { user, session } = await app.orm.em.fork().transactional(async (em) => {
        const added = await insertUser(em, { email, passwordHash, fullName, role });
        if (!added) throw new Problem('email_taken', 'Somebody has registered with this e-mail address.');
        return { user: added, session: await startSession(em, added.id) };
      });
      return reply.status(201).send(tokens(app, session, user));
    },
  );

  app.post(
    '/api/v1/auth/login',
    {
      config: { access: 'anyone' },
      bodyLimit: BODY_LIMIT_BYTES,
      schema: {
        tags,
        summary: 'Sign in',
        description: 'Ten tries a minute for each account and address.',
        body: Type.Object(
          {
            email: Type.String({ maxLength: 254 }),
            password: Type.String({ maxLength: 200 }),
            totp: Type.Optional(Type.String({ maxLength: 40 })),
          },
          strict,
        ),
        response: { 200: tokensSchema },
      },
    },
    async (request, reply) => {
      const { email, password } = request.body;
      await applyLimit(request, reply, { key: loginKey(request.ip, email), ...LOGIN_TRIES });
      const em = app.orm.em.fork();
      const login = await findLogin(em, email);
      if (!(await isPassword(password, login?.passwordHash)) || !login) {
        throw new Problem('unauthenticated', 'The e-mail address or the password is wrong.');
      }
      return tokens(app, await startSession(em, login.id), login);
    },
  );

  app.post(
    '/api/v1/auth/refresh',
    {
      config: { access: 'anyone' },
      bodyLimit: BODY_LIMIT_BYTES,
      schema: {
        tags,
        summary: 'Exchange a refresh token',
        description: 'Each refresh token is good once. Using one again ends the session.',
        body: Type.Object({ refresh_token: Type.String({ maxLength: 200 }) }, strict),
        response: { 200: tokensSchema },
      },
    },
    async (request) => {
      const em = app.orm.em.fork();
      const session = await rotateSession(em, request.body.refresh_token);
      if (session === 'reused') request.log.warn('a refresh token was used twice; its session has ended');
      const user = session === null || session === 'reused' ? undefined : await findUser(em, session.userId);
      if (session === null || session === 'reused' || !user) {
        throw new Problem('unauthenticated', 'The refresh token is not valid any more; sign in again.');
      }
      return tokens(app, session, user);
    },
  );

  app.post(
    '/api/v1/auth/logout',
    {
      config: { access: 'user' },
      schema: { tags, summary: 'End the session', response: { 204: noContent } },
    },
    async (request, reply) => {
      await endSession(app.orm.em.fork(), requireUser(request).sessionId);
      return reply.status(204).send(null);
    },
  );

  app.get(
    '/api/v1/auth/me',
    { config: { access: 'user' }, schema: { tags, summary: 'The signed-in user', response: { 200: userSchema } } },
    async (request) => {
      const user = await findUser(app.orm.em.fork(), requireUser(request).userId);
      if (!user) throw new Problem('not_found', 'There is no such user.');
      return userView(user);
    },
  );
}

/** Somebody who registers counts by address; a service that imports people counts as itself. */
async function limitRegistrations(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { principal, ip } = request;
  const imports = principal?.kind === 'api_key' && principal.scopes.includes('users:register');
  const limit = imports ? limitOf(request) : { key: `register:${networkOf(ip)}`, max: REGISTRATIONS_PER_HOUR };
  await applyHourlyLimit(request, reply, limit);
}

/** Hashed: the counters hold no addresses of people. */
function loginKey(ip: string, email: string): string {
  return `login:${createHash('sha256')
    .update(`${networkOf(ip)} ${email.toLowerCase()}`)
    .digest('base64url')}`;
}

function tokens(app: App, session: RefreshedSession, user: UserRecord) {
  return {
    access_token: app.jwt.sign({ sub: session.userId, sid: session.sessionId }),
    refresh_token: session.refreshToken,
    token_type: 'Bearer' as const,
    expires_in: ACCESS_TOKEN_SECONDS,
    user: userView(user),
  };
}
