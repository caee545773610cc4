import { LockMode } from '@mikro-orm/core';
import { Type } from 'typebox';
import type { Settings } from '../config.ts';
import { seal } from '../database/encryption.ts';
import { Creator } from '../database/entities/creator.ts';
import { findCreator, follow, unfollow } from '../database/queries/creators.ts';
import { payoutSchedules } from '../domain/creators.ts';
import { Problem } from '../domain/problems.ts';
import type { App } from './app.ts';
import { ownProfileSchema, ownProfileView } from './creator-view.ts';
import { given } from './given.ts';
import { requireCreator, requireUser } from './principal.ts';
import { idParams, noContent, nullable, oneOf, strict } from './schemas.ts';

const tags = ['Creators'];
const SHOWN_CHARACTERS = 4;

const profileChanges = Type.Partial(
  Type.Object({
    full_name: Type.String({ minLength: 1, maxLength: 200 }),
    bio: nullable(Type.String({ maxLength: 2000 })),
    avatar_url: nullable(Type.String({ format: 'uri', pattern: '^https?://', maxLength: 2000 })),
    bank_account: nullable(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9 -]{4,38}[A-Za-z0-9]$' })),
    account_name: nullable(Type.String({ minLength: 1, maxLength: 200 })),
    payout_schedule: oneOf(payoutSchedules),
  }),
  strict,
);

export function creatorProfileRoutes(app: App): void {
  app.get(
    '/api/v1/creators/me',
    {
      config: { access: { roles: ['creator'] }, alias: '/creators/me' },
      schema: { tags, summary: 'The own profile', response: { 200: ownProfileSchema } },
    },
    async (request) => ownProfile(app, requireCreator(request)),
  );

  app.put(
    '/api/v1/creators/me',
    {
      config: { access: { roles: ['creator'] }, alias: '/creators/me' },
      schema: {
        tags,
        summary: 'Change the own profile',
        description:
          'What is not given stays as it is. The bank account is stored encrypted and never shown in full again.',
        body: profileChanges,
        response: { 200: ownProfileSchema },
      },
    },
    async (request) => {
      const id = requireCreator(request);
      const { full_name: name, bank_account: bankAccount, ...rest } = request.body;
      const sealed = bankAccount === undefined ? {} : sealBankAccount(bankAccount, id, app.settings);
      await app.orm.em.fork().transactional(async (em) => {
        const creator = await em.findOneOrFail(Creator, id, { lockMode: LockMode.PESSIMISTIC_WRITE });
        const { avatar_url: avatarUrl, account_name: accountName, payout_schedule: payoutSchedule, bio } = rest;
        em.assign(creator, given({ name, bio, avatarUrl, accountName, payoutSchedule, ...sealed }));
      });
      return ownProfile(app, id);
    },
  );

  const followSchema = { tags, params: idParams, response: { 204: noContent } };
  app.post(
    '/api/v1/creators/:id/follow',
    {
      config: { access: { roles: ['fan'] }, alias: '/creators/:id/follow' },
      schema: { ...followSchema, summary: 'Follow a creator' },
    },
    async (request, reply) => {
      if (!(await follow(app.orm.em.fork(), request.params.id, requireUser(request).userId))) throw noSuchCreator();
      return reply.status(204).send(null);
    },
  );

  app.delete(
    '/api/v1/creators/:id/follow',
    {
      config: { access: { roles: ['fan'] }, alias: '/creators/:id/follow' },
      schema: { ...followSchema, summary: 'Follow a creator no more' },
    },
    async (request, reply) => {
      if (!(await unfollow(app.orm.em.fork(), request.params.id, requireUser(request).userId))) throw noSuchCreator();
      return reply.status(204).send(null);
    },
  );
}

async function ownProfile(app: App, id: string) {
  const creator = await findCreator(app.orm.em.fork(), id);
  if (!creator) throw noSuchCreator();
  return ownProfileView(creator);
}

function noSuchCreator(): Problem {
  return new Problem('not_found', 'There is no such creator.');
}

/** Errors: `unavailable` without a key to seal with; an account number is not stored in the clear. */
function sealBankAccount(bankAccount: string | null, creatorId: string, { encryptionKeys }: Settings) {
  if (bankAccount === null) return { bankAccount: null, bankAccountLast4: null };
  const [newest, ...older] = encryptionKeys;
  if (!newest) throw new Problem('unavailable', 'Bank accounts cannot be stored: ENCRYPTION_KEYS is not set.');
  const number = bankAccount.replace(/[ -]/g, '');
  return {
    bankAccount: seal(number, `creator/${creatorId}/bank_account`, [newest, ...older]),
    bankAccountLast4: number.slice(-SHOWN_CHARACTERS),
  };
}
