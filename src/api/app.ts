import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { Client } from '@temporalio/client';
import type { FastifyBaseLogger, FastifyInstance, FastifySchema, RawServerDefault } from 'fastify';
import type { Settings } from '../config.ts';
import type { Role, Scope } from '../domain/roles.ts';
import type { Principal } from './principal.ts';

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export interface AppDeps {
  settings: Settings;
  /** As the application's own database role. */
  orm: MikroORM;
  temporal: Client;
  /** None: nothing is logged. */
  logger?: FastifyBaseLogger;
}

/**
 * Who may call a route: anyone (a valid token is still read), any person who is signed in, or the people with one of the roles and the
 * services whose API key has one of the scopes.
 */
export type Access = 'anyone' | 'user' | { roles: readonly Role[]; scopes?: readonly Scope[] };

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every route has one, or the app does not start. */
    access?: Access;
    /** The route honours `Idempotency-Key`; `required` refuses requests without. */
    idempotent?: true | 'required';
    /** A second path that answers in the same way, not listed in the API's description. */
    alias?: string;
    /** `none`: the caller's requests here are not counted. `own`: the route counts them itself. */
    rateLimit?: 'none' | 'own';
  }
  interface FastifyInstance {
    settings: Settings;
    orm: MikroORM;
    temporal: Client;
    /** What is declared, for the description and the tests. */
    declaredRoutes: DeclaredRoute[];
  }
  interface FastifyRequest {
    /** Null for somebody without a valid token. */
    principal: Principal | null;
    idempotencyKey: string | undefined;
    /**
     * An id (UUIDv7) for what this request makes. With an idempotency key it is the same each time that the request is repeated, so
     * that work cut off by a crash is found again instead of done twice.
     */
    commandId: string;
  }
}

export interface DeclaredRoute {
  method: string;
  url: string;
  access: Access;
  idempotent: boolean;
  schema: FastifySchema;
}
