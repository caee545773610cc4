import { hash, verify } from '@node-rs/argon2';

/** OWASP's first choice for argon2id, the library's default algorithm: 19 MiB, two passes, one lane. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export function hashPassword(password: string): Promise<string> {
  return hash(password, cost);
}

// what a password is compared with where there is no user, so that the answer takes as long
const nobody = hashPassword('no password matches this');

/** Whether it is the password; takes the same time for a user who does not exist. */
export async function isPassword(password: string, passwordHash: string | undefined): Promise<boolean> {
  const matches = await verify(passwordHash ?? (await nobody), password);
  return matches && passwordHash !== undefined;
}
