import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { EncryptionKey } from './config.ts';

const ENCODING = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';
const IV_BYTES = 12;
const TAG_BYTES = 16;
const PayloadMessage = proto.temporal.api.common.v1.Payload;

/**
 * Seals Temporal payloads with AES-256-GCM. The first key seals; each payload names its key, so older ones open what they sealed.
 * The same codec serves clients, workers and the Web UI's codec endpoint.
 */
export class EncryptionCodec implements PayloadCodec {
  readonly #sealing: EncryptionKey;
  readonly #keys: Map<string, Buffer>;

  constructor(keys: [EncryptionKey, ...EncryptionKey[]]) {
    this.#sealing = keys[0];
    this.#keys = new Map(keys.map(({ id, key }) => [id, key]));
  }

  encode(payloads: Payload[]): Promise<Payload[]> {
    return Promise.resolve(payloads.map((payload) => this.#seal(payload)));
  }

  async decode(payloads: Payload[]): Promise<Payload[]> {
    return Promise.resolve(payloads.map((payload) => this.#open(payload)));
  }

  #seal(payload: Payload): Payload {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#sealing.key, iv);
    const sealed = Buffer.concat([cipher.update(PayloadMessage.encode(payload).finish()), cipher.final()]);
    return {
      metadata: { encoding: Buffer.from(ENCODING), [KEY_ID]: Buffer.from(this.#sealing.id) },
      data: Buffer.concat([iv, cipher.getAuthTag(), sealed]),
    };
  }

  #open(payload: Payload): Payload {
    if (text(payload.metadata?.['encoding']) !== ENCODING) return payload;
    const id = text(payload.metadata?.[KEY_ID]);
    const key = this.#keys.get(id);
    if (!key) throw new Error(`A payload is sealed with the key "${id}", which ENCRYPTION_KEYS does not hold`);
    const data = Buffer.from(payload.data ?? []);
    const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, IV_BYTES));
    decipher.setAuthTag(data.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    return PayloadMessage.decode(
      Buffer.concat([decipher.update(data.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]),
    );
  }
}

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString();

/** None where no key is set: payloads, which hold ids only, stay readable. */
export function payloadCodecs(keys: EncryptionKey[]): PayloadCodec[] {
  const [first, ...rest] = keys;
  return first ? [new EncryptionCodec([first, ...rest])] : [];
}
