import { DriverException } from '@mikro-orm/core';

/** The ledger refused an entry; nothing of its batch was written. */
export class LedgerError extends Error {
  override readonly name: string = 'LedgerError';
}

/** A guarded account would fall below zero. */
export class InsufficientBalanceError extends LedgerError {
  override readonly name = 'InsufficientBalanceError';
}

/** The key was posted before with other content. */
export class IdempotencyKeyReusedError extends LedgerError {
  override readonly name = 'IdempotencyKeyReusedError';
}

const byConstraint: Record<string, typeof LedgerError> = {
  ledger_account_not_overdrawn: InsufficientBalanceError,
  journal_entry_same_request: IdempotencyKeyReusedError,
};

/** The ledger's own error for what the database refused; anything else (a lost connection, a deadlock) as it came. */
export function ledgerError(error: unknown): unknown {
  const cause = error instanceof DriverException ? error.cause : error;
  if (!(cause instanceof Error) || !('code' in cause) || typeof cause.code !== 'string') return error;
  const integrityConstraintViolation = cause.code.startsWith('23');
  if (!integrityConstraintViolation) return error;
  const constraint = 'constraint' in cause && typeof cause.constraint === 'string' ? cause.constraint : '';
  const Type = byConstraint[constraint] ?? LedgerError;
  return new Type(cause.message, { cause });
}
