/** Stripe's form encoding: `metadata[order]=7&expand[0]=a&types[]=b` ↔ nested values; every leaf is a string. */
export type ParamValue = string | ParamValue[] | ParamTree;
export interface ParamTree {
  [name: string]: ParamValue;
}

function newTree(): ParamTree {
  return Object.create(null) as ParamTree;
}

export function decodeForm(text: string): ParamTree {
  const tree = newTree();
  let nested = false;
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const split = pair.indexOf('=');
    const name = decodePart(split < 0 ? pair : pair.slice(0, split));
    const value = split < 0 ? '' : decodePart(pair.slice(split + 1));
    if (name.includes('[')) {
      nested = true;
      place(tree, name, value);
    } else tree[name] = value;
  }
  return nested ? withLists(tree) : tree;
}

function decodePart(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch (error) {
    if (error instanceof URIError) return spaced;
    throw error;
  }
}

function place(tree: ParamTree, name: string, value: string): void {
  const open = name.indexOf('[');
  const keys = [name.slice(0, open), ...[...name.slice(open).matchAll(/\[([^\]]*)\]/g)].map((match) => match[1]!)];
  const last = keys.pop()!;
  let at = tree;
  for (const key of keys) {
    const next = at[key];
    at = typeof next === 'object' && !Array.isArray(next) ? next : (at[key] = newTree());
  }
  at[last === '' ? String(Object.keys(at).length) : last] = value;
}

function withLists(tree: ParamTree): ParamTree {
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value !== 'object' || Array.isArray(value)) continue;
    const inner = withLists(value);
    const names = Object.keys(inner);
    tree[key] = names.every((name, index) => name === String(index)) ? Object.values(inner) : inner;
  }
  return tree;
}

/** The same text for the same parameters in any order. */
export function canonical(value: ParamValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name]!)}`).join(',')}}`;
}
