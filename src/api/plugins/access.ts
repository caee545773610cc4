import type { FastifyRequest, RouteOptions } from 'fastify';
import { Problem } from '../../domain/problems.ts';
import type { Access, App } from '../app.ts';
import type { Principal } from '../principal.ts';

/** Deny by default: collects what each route declares, refuses to start without, and lets in only those declared. */
export function access(app: App): void {
  const routes: RouteOptions[] = [];
  app.decorate('declaredRoutes', []);
  app.addHook('onRoute', (route) => {
    routes.push(route);
  });
  app.addHook('onReady', (done) => {
    const undeclared = routes.filter((route) => route.config?.access === undefined).map(nameOf);
    if (undeclared.length > 0) {
      done(new Error(`Routes without config.access: ${undeclared.join(', ')}`));
      return;
    }
    app.declaredRoutes.push(...routes.flatMap(declared));
    done();
  });
  app.addHook('onRequest', (request, _reply, done) => {
    done(request.is404 ? undefined : refusal(request));
  });
}

function nameOf(route: RouteOptions): string {
  return `${String(route.method)} ${route.url}`;
}

function declared(route: RouteOptions) {
  const methods = Array.isArray(route.method) ? route.method : [route.method];
  const { access: declaredAccess, idempotent } = route.config!;
  return methods.map((method) => ({
    method,
    url: route.url,
    access: declaredAccess!,
    idempotent: idempotent !== undefined,
    schema: { ...route.schema },
  }));
}

function refusal({ principal, routeOptions, headers }: FastifyRequest): Problem | undefined {
  const declaredAccess = routeOptions.config.access;
  if (declaredAccess === undefined) throw new Error(`No access is declared for ${routeOptions.url ?? 'this route'}`);
  if (mayCall(declaredAccess, principal)) return undefined;
  if (principal) return new Problem('forbidden', 'Your roles or scopes do not allow this.');
  const sent = headers.authorization !== undefined;
  return new Problem('unauthenticated', sent ? 'The token is not valid or has expired.' : 'Send a Bearer token.');
}

/** Whether the declaration lets the principal in. */
export function mayCall(declaredAccess: Access, principal: Principal | null): boolean {
  if (declaredAccess === 'anyone') return true;
  if (!principal) return false;
  if (declaredAccess === 'user') return principal.kind === 'user';
  const { roles, scopes = [] } = declaredAccess;
  if (principal.kind === 'user') return principal.roles.some((role) => roles.includes(role));
  return principal.scopes.some((scope) => scopes.includes(scope));
}
