import { Type, type Static, type TSchema } from 'typebox';

/**
 * `schema` or null. Written with OpenAPI 3.0's `nullable`, the one form with which fastify serialises a bigint; the description turns
 * it into the `type: [..., 'null']` of 3.1.
 */
export function nullable<T extends TSchema>(schema: T) {
  const values = (schema as { enum?: unknown[] }).enum;
  return Type.Unsafe<Static<T> | null>({ ...schema, ...(values && { enum: [...values, null] }), nullable: true });
}

export const idSchema = Type.String({ format: 'uuid' });

export const idParams = Type.Object({ id: idSchema });

/** Integer minor units of the currency beside it. Sent as bigint or number; arrives as a number. */
export const amountSchema = Type.Unsafe<bigint | number>({
  type: 'integer',
  minimum: Number.MIN_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'Minor units of the currency, such as cents',
  examples: [2500],
});

/** What somebody asks to move: at least one minor unit. Arrives as a number that is exact. */
export const positiveAmountSchema = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'Minor units of the currency, such as cents',
  examples: [2500],
});

export const currencySchema = Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217', examples: ['USD'] });

/** Sent as a Date or an ISO 8601 string; arrives as a string. */
export const timestampSchema = Type.Unsafe<Date | string>({ type: 'string', format: 'date-time' });

/** One of the values. */
export function oneOf<const Value extends string>(values: readonly Value[], options: { default?: Value } = {}) {
  return Type.Unsafe<Value>({ type: 'string', enum: [...values], ...options });
}

/** A body: what is not listed is refused. */
export const strict = { additionalProperties: false } as const;

export const noContent = Type.Null({ description: 'Done' });

/** The body of a step that somebody takes: nothing, or why. */
export const reasonSchema = nullable(
  Type.Object({ reason: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })) }, strict),
);
