import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { DataConverter } from '@temporalio/common';
import proto, { type temporal } from '@temporalio/proto';
import { payloadCodecs } from './codec.ts';
import type { Settings } from './config.ts';
import { searchAttributes } from './workflows/contracts.ts';

/** One connection per process; `close` it last. */
export interface TemporalClient {
  client: Client;
  close: () => Promise<void>;
}

/**
 * For somebody who waits for an answer: tries for about a second before it says that Temporal is away, and looks often whether it is
 * back. gRPC's own retries in place of the SDK's, whose timers throw when the connection is closed under them.
 */
const impatient = {
  interceptors: [],
  channelArgs: {
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 2000,
    'grpc.service_config': JSON.stringify({
      loadBalancingConfig: [],
      methodConfig: [
        {
          name: [{}],
          retryPolicy: {
            maxAttempts: 5,
            initialBackoff: '0.1s',
            maxBackoff: '1s',
            backoffMultiplier: 2,
            retryableStatusCodes: ['UNAVAILABLE', 'RESOURCE_EXHAUSTED'],
          },
        },
      ],
    }),
  },
};

/**
 * What a server that is not on this machine asks for, from the SDK's own variables: `TEMPORAL_API_KEY`, `TEMPORAL_TLS` and
 * `TEMPORAL_TLS_…` for certificates.
 */
export function connectionSecurity() {
  const { tls, apiKey } = loadClientConnectConfig({ disableFile: true }).connectionOptions;
  return { ...(tls !== undefined && { tls }), ...(apiKey !== undefined && { apiKey }) };
}

/** With `lazy`, connects at the first call and gives up soon: for a process that has to start and answer while Temporal is away. */
export async function connectTemporal(settings: Settings, { lazy = false } = {}): Promise<TemporalClient> {
  const { address, namespace } = settings.temporal;
  const connection = lazy
    ? Connection.lazy({ address, ...connectionSecurity(), ...impatient })
    : await Connection.connect({ address, ...connectionSecurity(), connectTimeout: '10s' });
  const client = new Client({ connection, namespace, dataConverter: dataConverter(settings) });
  return { client, close: () => connection.close() };
}

/** How payloads are written, the same for clients and workers. */
export function dataConverter(settings: Settings): DataConverter {
  return { payloadCodecs: payloadCodecs(settings.encryptionKeys) };
}

type KeyOf = (typeof searchAttributes)[keyof typeof searchAttributes];
const indexedValueTypes: Record<KeyOf['type'], temporal.api.enums.v1.IndexedValueType> = {
  KEYWORD: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  BOOL: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
};

/** Makes the server know our search attributes; those that it knows already stay as they are. */
export async function registerSearchAttributes(client: Client, namespace: string): Promise<void> {
  const { operatorService } = client.connection as Connection;
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const keys: KeyOf[] = Object.values(searchAttributes);
  const missing = keys.filter((key) => !Object.hasOwn(customAttributes, key.name));
  if (missing.length === 0) return;
  await operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map((key) => [key.name, indexedValueTypes[key.type]])),
  });
}
