interface JsonSchema {
  type?: string;
  const?: unknown;
  default?: unknown;
  enum?: unknown[];
  examples?: unknown[];
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  minItems?: number;
  minimum?: number;
  minLength?: number;
  format?: string;
  pattern?: string;
}

const formats: Record<string, string> = {
  uuid: '019a0000-0000-7000-8000-000000000000',
  email: 'sample@example.com',
  uri: 'https://example.com/sample',
  'date-time': '2030-01-01T00:00:00Z',
  date: '2030-01-01',
};

const patterns: Record<string, string> = { '^[A-Z]{3}$': 'USD', '^[A-Z]{2}$': 'US' };

/** The smallest value that a schema accepts; a schema for which that cannot be guessed has `examples`. */
export function sampleOf(schema: JsonSchema): unknown {
  const [given] = [schema.const, schema.default, schema.examples?.[0], schema.enum?.[0]].filter(
    (one) => one !== undefined,
  );
  if (given !== undefined) return given;
  if (schema.anyOf?.[0]) return sampleOf(schema.anyOf[0]);
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, sampleOf(schema.properties?.[name] ?? {})]),
      );
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => sampleOf(schema.items ?? {}));
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 1, 1);
    case 'boolean':
      return true;
    default:
      return (
        formats[schema.format ?? ''] ??
        patterns[schema.pattern ?? ''] ??
        'x'.repeat(Math.max(schema.minLength ?? 1, 10))
      );
  }
}
