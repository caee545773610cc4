import { randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const POOL = Buffer.alloc(4096);
let used = POOL.length;

/** `prefix` and `length` random letters and digits, as providers number their objects. */
export function newId(prefix: string, length = 24): string {
  if (used + length > POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  let id = prefix;
  for (const end = used + length; used < end; used += 1) id += ALPHABET[POOL[used]! % ALPHABET.length]!;
  return id;
}
