import type pg from 'pg';

const MARK = /^\s*\/\* prepared: (\w+) \*\//;

/**
 * Lets each connection of the pool prepare, once, the statements that ask for it with a leading comment `prepared: name`, and then
 * only bind and run them. Parsing the busiest statements anew each time costs about as much as running them.
 */
export function prepareMarkedStatements(pool: pg.Pool): void {
  pool.on('connect', (client) => {
    const send = client.query.bind(client) as (...args: unknown[]) => unknown;
    Object.assign(client, { query: (...args: unknown[]) => send(...withName(args)) });
  });
}

function withName(args: unknown[]): unknown[] {
  const [text, values, ...rest] = args;
  const name = typeof text === 'string' ? MARK.exec(text)?.[1] : undefined;
  return name === undefined ? args : [{ name, text, values }, ...rest];
}
