/** Something the person who starts Stipend can mend; its message is the one sentence that they are shown. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** A property of a caught error of any class: `code`, `name`, `status`. Undefined where it has none. */
export function property(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
}

/** Whether an error of the system, or of Node.js, carries one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes(String(property(error, 'code')));
}
