import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { EncryptionKey } from '../config.ts';

const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Seals a column's text with the newest key, as `key id:base64`. `context` says what the text belongs to, such as a table, column and
 * id; it opens nowhere else.
 */
export function seal(text: string, context: string, keys: readonly [EncryptionKey, ...EncryptionKey[]]): string {
  const [{ id, key }] = keys;
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, iv).setAAD(Buffer.from(context));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return `${id}:${Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64')}`;
}

/** The text that {@link seal} was given. Throws where the key is not there any more or the text or its context is another. */
export function open(sealed: string, context: string, keys: readonly EncryptionKey[]): string {
  const [id, encoded = ''] = sealed.split(':', 2);
  const found = keys.find((key) => key.id === id);
  if (!found) throw new Error(`ENCRYPTION_KEYS does not hold the key "${id ?? ''}"`);
  const data = Buffer.from(encoded, 'base64');
  const decipher = createDecipheriv(ALGORITHM, found.key, data.subarray(0, IV_BYTES))
    .setAAD(Buffer.from(context))
    .setAuthTag(data.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  return decipher.update(data.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
}
