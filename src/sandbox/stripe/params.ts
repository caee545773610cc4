/** Reads and checks an endpoint's parameters the way Stripe refuses them, including those it does not know. */
import { isCurrency } from './currencies.ts';
import { refusal } from './errors.ts';
import type { ParamTree, ParamValue } from './form.ts';

interface IntegerLimits {
  min?: number;
  max?: number;
}

export interface Range {
  gt?: number;
  gte?: number;
  lt?: number;
  lte?: number;
}

export class Params {
  readonly #tree: ParamTree;
  readonly #prefix: string;
  readonly #read = new Set<string>();
  readonly #inner: Params[] = [];

  constructor(tree: ParamTree, prefix = '') {
    this.#tree = tree;
    this.#prefix = prefix;
  }

  has(name: string): boolean {
    return this.#tree[name] !== undefined;
  }

  isText(name: string): boolean {
    return typeof this.#tree[name] === 'string';
  }

  text(name: string): string | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw refusal(`Invalid string: ${JSON.stringify(value)}`, this.#path(name));
    if (value !== '') return value;
    throw refusal(
      `You passed an empty string for '${this.#path(name)}'. An empty value would unset it, and it cannot be unset.`,
      this.#path(name),
      'parameter_invalid_empty',
    );
  }

  /** Like {@link text}; an empty value unsets: null. */
  unsettable(name: string): string | null | undefined {
    if (this.#tree[name] !== '') return this.text(name);
    this.#take(name);
    return null;
  }

  required(name: string): string {
    return this.text(name) ?? this.#absent(name);
  }

  integer(name: string, limits: IntegerLimits = {}): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    const invalid = (message: string) => refusal(message, this.#path(name), 'parameter_invalid_integer');
    if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) throw invalid(`Invalid integer: ${text}`);
    const { min = -Infinity, max = Infinity } = limits;
    if (value < min) throw invalid(`This value must be greater than or equal to ${min}.`);
    if (value > max) throw invalid(`This value must be less than or equal to ${max}.`);
    return value;
  }

  /** A positive number of minor units. */
  amount(): number {
    return this.integer('amount', { min: 1, max: 999_999_999_999 }) ?? this.#absent('amount');
  }

  currency(name = 'currency'): string | undefined {
    const currency = this.text(name)?.toLowerCase();
    if (currency === undefined || isCurrency(currency)) return currency;
    throw refusal(`Invalid currency: ${currency}.`, this.#path(name));
  }

  requiredCurrency(): string {
    return this.currency() ?? this.#absent('currency');
  }

  flag(name: string): boolean | undefined {
    const text = this.text(name);
    if (text === undefined || text === 'true' || text === 'false')
      return text === undefined ? undefined : text === 'true';
    throw refusal(`Invalid boolean: ${text}`, this.#path(name));
  }

  oneOf<const T extends string>(name: string, values: readonly T[]): T | undefined {
    const text = this.text(name);
    const value = values.find((known) => known === text);
    if (text === undefined || value !== undefined) return value;
    throw refusal(`Invalid ${this.#path(name)}: must be one of ${values.join(', ')}`, this.#path(name));
  }

  /** What `metadata` makes of `before`: given keys are set, empty ones removed, an empty `metadata` removes all. */
  metadata(before: Record<string, string> = {}): Record<string, string> {
    const value = this.#take('metadata');
    if (value === undefined) return before;
    if (value === '') return {};
    if (typeof value === 'string') throw refusal('Invalid object', this.#path('metadata'));
    const after = new Map(Object.entries(before));
    for (const [key, text] of Object.entries(value)) {
      const path = this.#path(`metadata[${key}]`);
      if (typeof text !== 'string') throw refusal('Metadata values must be strings.', path);
      if (key.length > 40) throw refusal('Metadata keys can have up to 40 characters.', path);
      if (text.length > 500) throw refusal('Metadata values can have up to 500 characters.', path);
      if (text === '') after.delete(key);
      else after.set(key, text);
    }
    if (after.size > 50) throw refusal('You can have up to 50 metadata keys.', this.#path('metadata'));
    return Object.fromEntries(after);
  }

  hash(name: string): Params | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (typeof value === 'string' || Array.isArray(value)) throw refusal('Invalid object', this.#path(name));
    const inner = new Params(value, this.#path(name));
    this.#inner.push(inner);
    return inner;
  }

  list(name: string): string[] | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    const items = Array.isArray(value) ? value : [value];
    if (items.every((item) => typeof item === 'string')) return items;
    throw refusal('Invalid array', this.#path(name));
  }

  /** `created=1` or `created[gte]=1`, in seconds. */
  range(name: string): Range | undefined {
    if (this.isText(name)) {
      const at = this.integer(name);
      return at === undefined ? undefined : { gte: at, lte: at };
    }
    const hash = this.hash(name);
    if (!hash) return undefined;
    const range: Range = {};
    for (const bound of ['gt', 'gte', 'lt', 'lte'] as const) {
      const at = hash.integer(bound);
      if (at !== undefined) range[bound] = at;
    }
    return range;
  }

  names(): string[] {
    return Object.keys(this.#tree);
  }

  /** Accepts parameters that the sandbox does not model. */
  ignore(...names: string[]): void {
    for (const name of names) this.#read.add(name);
  }

  /** Refuses what was not asked for; call it before anything changes. */
  end(): void {
    const unknown = Object.keys(this.#tree).find((name) => !this.#read.has(name));
    if (unknown !== undefined) {
      throw refusal(`Received unknown parameter: ${this.#path(unknown)}`, this.#path(unknown), 'parameter_unknown');
    }
    for (const inner of this.#inner) inner.end();
  }

  #take(name: string): ParamValue | undefined {
    this.#read.add(name);
    return this.#tree[name];
  }

  #path(name: string): string {
    if (this.#prefix === '') return name;
    const [head, ...rest] = name.split('[');
    return `${this.#prefix}[${head!}]${rest.map((part) => `[${part}`).join('')}`;
  }

  #absent(name: string): never {
    throw refusal(`Missing required param: ${this.#path(name)}.`, this.#path(name), 'parameter_missing');
  }
}
