import { statSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { localSecrets } from '../../src/local/secrets.ts';
import { temporaryFolder } from '../support/folders.ts';

test('secrets are made once, kept for their owner alone, and differ between installations', () => {
  const folder = temporaryFolder();
  const first = localSecrets({}, folder);
  expect(localSecrets({}, folder)).toEqual(first);
  expect(statSync(join(folder, 'secrets.json')).mode & 0o777).toBe(0o600);
  expect(localSecrets({}, temporaryFolder()).JWT_SECRET).not.toBe(first.JWT_SECRET);
  expect(first.ADMIN_EMAIL).toBe('admin@stipend.local');
});

test('what the environment gives is used and not kept', () => {
  const folder = temporaryFolder();
  const given = { JWT_SECRET: 'j'.repeat(40), ADMIN_PASSWORD: 'correct horse battery' };
  expect(localSecrets(given, folder)).toMatchObject(given);
  expect(readFileSync(join(folder, 'secrets.json'), 'utf8')).not.toContain(given.ADMIN_PASSWORD);
  expect(localSecrets({ JWT_SECRET: '  ' }, folder).JWT_SECRET).not.toBe(given.JWT_SECRET);
});

test('the password of the embedded database is the one that its data were made with', () => {
  const folder = temporaryFolder();
  const { POSTGRES_PASSWORD: made } = localSecrets({}, folder);
  expect(localSecrets({ POSTGRES_PASSWORD: 'of docker compose' }, folder).POSTGRES_PASSWORD).toBe(made);
});
