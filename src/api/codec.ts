import type { Payload } from '@temporalio/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type, type Static } from 'typebox';
import { payloadCodecs } from '../codec.ts';
import { Problem } from '../domain/problems.ts';
import type { Access, App } from './app.ts';
import { strict } from './schemas.ts';

/** Payloads as the Web UI sends them: protobuf's JSON, all bytes in base64. */
const payloadsSchema = Type.Object(
  {
    payloads: Type.Array(
      Type.Object({
        metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
        data: Type.Optional(Type.String()),
      }),
    ),
  },
  strict,
);

type WirePayloads = Static<typeof payloadsSchema>;

const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

/**
 * Opens sealed workflow payloads for the Temporal Web UI and the `temporal` command line. For staff; on a developer's machine, where
 * the Web UI has no login, for whoever asks from that machine.
 */
export function codecRoutes(app: App): void {
  const { codecAccess, encryptionKeys, temporal } = app.settings;
  const codecs = payloadCodecs(encryptionKeys);
  const access: Access = codecAccess === 'local' ? 'anyone' : { roles: ['admin', 'finance', 'reviewer'] };
  const allowed = uiOrigins(temporal.uiUrl);

  const guard = (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    if (codecAccess === 'local' && !LOOPBACK.has(request.ip)) throw new Problem('forbidden', 'Ask from this machine.');
    const { origin } = request.headers;
    if (origin !== undefined && allowed.has(origin)) {
      void reply.header('access-control-allow-origin', origin).header('vary', 'Origin');
      void reply.header('access-control-allow-headers', 'content-type, x-namespace, authorization');
      void reply.header('access-control-allow-methods', 'POST');
    }
    done();
  };

  const directions = {
    decode: (payloads: Payload[]) => chain(payloads, codecs, (codec, some) => codec.decode(some)),
    encode: (payloads: Payload[]) => chain(payloads, codecs, (codec, some) => codec.encode(some)),
  };
  for (const [name, run] of Object.entries(directions)) {
    const url = `/codec/${name}`;
    app.options(
      url,
      { config: { access: 'anyone', rateLimit: 'none' }, onRequest: guard, schema: { hide: true } },
      (_request, reply) => reply.code(204).send(),
    );
    app.post(
      url,
      {
        config: { access, rateLimit: 'none' },
        onRequest: guard,
        schema: {
          tags: ['Operations'],
          summary: `${name} Temporal payloads`,
          body: payloadsSchema,
          response: { 200: payloadsSchema },
        },
      },
      async (request) => ({ payloads: (await run(request.body.payloads.map(fromWire))).map(toWire) }),
    );
  }
}

/** The Web UI is reached by name and by number. */
function uiOrigins(uiUrl: string): Set<string> {
  const { origin, protocol, port } = new URL(uiUrl);
  return new Set([origin, `${protocol}//localhost:${port}`, `${protocol}//127.0.0.1:${port}`]);
}

async function chain<Codec>(
  payloads: Payload[],
  codecs: Codec[],
  apply: (codec: Codec, payloads: Payload[]) => Promise<Payload[]>,
): Promise<Payload[]> {
  let current = payloads;
  for (const codec of codecs) current = await apply(codec, current);
  return current;
}

function fromWire({ metadata = {}, data }: WirePayloads['payloads'][number]): Payload {
  return {
    metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value, 'base64')])),
    ...(data !== undefined && { data: Buffer.from(data, 'base64') }),
  };
}

function toWire({ metadata, data }: Payload): WirePayloads['payloads'][number] {
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
    ...(data && { data: Buffer.from(data).toString('base64') }),
  };
}
