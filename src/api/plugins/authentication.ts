import jwt from '@fastify/jwt';
import { findApiKey, isApiKey } from '../../database/api-keys.ts';
import { findSession } from '../../database/sessions.ts';
import type { App } from '../app.ts';
import type { Principal } from '../principal.ts';

export const ACCESS_TOKEN_SECONDS = 30 * 60;

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: { sub: string; sid: string };
    user: { sub: string; sid: string };
  }
}

/** Finds out who sends the request. Roles are read from the database each time, so that a change counts at once. */
export async function authentication(app: App): Promise<void> {
  await app.register(jwt, {
    secret: app.settings.jwtSecret,
    sign: { algorithm: 'HS256', expiresIn: ACCESS_TOKEN_SECONDS, iss: 'stipend' },
    verify: { algorithms: ['HS256'], allowedIss: 'stipend' },
  });
  app.decorateRequest('principal', null);
  app.addHook('onRequest', async (request) => {
    const token = /^Bearer ([\w.~+/-]+=*)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (token !== undefined && !request.is404) request.principal = await principalOf(app, token);
  });
}

async function principalOf(app: App, token: string): Promise<Principal | null> {
  const em = app.orm.em.fork();
  if (isApiKey(token)) {
    const key = await findApiKey(em, token);
    return key && { kind: 'api_key', keyId: key.id, scopes: key.scopes };
  }
  const sessionId = sessionOf(app, token);
  const session = sessionId === null ? null : await findSession(em, sessionId);
  return session && { kind: 'user', ...session };
}

/** The session that a token of ours names; null for one that is expired, forged or no token at all. */
function sessionOf(app: App, token: string): string | null {
  try {
    return app.jwt.verify<{ sid: string }>(token).sid;
  } catch (error) {
    const refused = error instanceof Error && 'code' in error && String(error.code).startsWith('F');
    if (!refused) throw error;
    return null;
  }
}
