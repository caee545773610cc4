import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import type { Settings } from './config.ts';
import { searchAttributes } from './workflows/contracts.ts';

/** One connection per process; `close` it last. */
export interface TemporalClient {
  client: Client;
  close: () => Promise<void>;
}

export async function connectTemporal(settings: Settings, dataConverter?: DataConverter): Promise<TemporalClient> {
  const connection = await Connection.connect({ address: settings.temporal.address, connectTimeout: '10s' });
  const client = new Client({
    connection,
    namespace: settings.temporal.namespace,
    ...(dataConverter && { dataConverter }),
  });
  return { client, close: () => connection.close() };
}

type KeyOf = (typeof searchAttributes)[keyof typeof searchAttributes];
const indexedValueTypes: Record<string, temporal.api.enums.v1.IndexedValueType> = {
  KEYWORD: temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  BOOL: temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
};

/** Makes the server know our search attributes; those that it knows already stay as they are. */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const keys: KeyOf[] = Object.values(searchAttributes);
  const missing = keys.filter((key) => !Object.hasOwn(customAttributes ?? {}, key.name));
  if (missing.length === 0) return;
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map((key) => [key.name, indexedValueTypes[key.type]!])),
  });
}

