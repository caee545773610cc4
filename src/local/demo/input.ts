/** Reads the daily counts of a CSV: columns in any order, a malformed row named and left out. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { CsvError, parse } from 'csv-parse/sync';
import { property } from '../errors.ts';
import { DemoError } from './errors.ts';

const COLUMNS = ['date', 'channel', 'video_id', 'views', 'likes', 'comments'] as const;
const COUNTS = ['views', 'likes', 'comments'] as const;

/** More than any count ever was, and small enough that what it earns fits into a payment. */
const LARGEST_COUNT = 1_000_000_000_000;
/** What the API takes as a name. */
const LONGEST_NAME = 200;
const FIRST_DATE = '1970-01-01';

/** What one row says of one video. */
export interface DayCount {
  line: number;
  /** `YYYY-MM-DD` */
  date: string;
  channel: string;
  videoId: string;
  views: number;
}

export interface RejectedRow {
  /** Counted from 1; the header is a line too. */
  line: number;
  reason: string;
}

export interface Input {
  /** SHA-256 of the lines, in hex. */
  hash: string;
  /** In the order of the file. */
  rows: DayCount[];
  rejected: RejectedRow[];
}

/** @throws DemoError when the file cannot be read or its first line does not name all columns */
export async function readInput(path: string): Promise<Input> {
  const hash = createHash('sha256');
  const rows: DayCount[] = [];
  const rejected: RejectedRow[] = [];
  let positions: Positions | undefined;
  let line = 0;
  for await (const text of linesOf(path)) {
    line += 1;
    hash.update(`${text}\n`);
    const cells = cellsOf(text);
    if (cells.length === 0) continue;
    if (positions) {
      const read = rowOf(cells, positions);
      if (typeof read === 'string') rejected.push({ line, reason: read });
      else rows.push({ line, ...read });
    } else {
      positions = positionsOf(cells, path);
    }
  }
  if (!positions) throw new DemoError(`${path} is empty; its first line must be ${COLUMNS.join(',')}.`);
  return { hash: hash.digest('hex'), rows, rejected };
}

async function* linesOf(path: string): AsyncGenerator<string> {
  try {
    const file = await open(path);
    // closes the file at its end
    yield* file.readLines();
  } catch (error) {
    if (property(error, 'syscall') === undefined) throw error;
    throw new DemoError(`${path} cannot be read: ${String(property(error, 'message'))}.`, { cause: error });
  }
}

/** A line by itself, so that a broken one spoils no other; none for a blank line. A string says what is wrong with it. */
function cellsOf(line: string): string[] | string {
  try {
    const options = { bom: true, trim: true, relax_quotes: true, relax_column_count: true };
    return parse(line, options)[0] ?? [];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return 'the quotes do not match';
  }
}

type Positions = Record<(typeof COLUMNS)[number], number>;

function positionsOf(cells: string[] | string, path: string): Positions {
  const names = typeof cells === 'string' ? [] : cells.map((name) => name.toLowerCase());
  const missing = COLUMNS.filter((name) => !names.includes(name));
  if (missing.length > 0) {
    throw new DemoError(`${path} has no column ${missing.join(', ')}: its first line must name ${COLUMNS.join(', ')}.`);
  }
  return Object.fromEntries(COLUMNS.map((name) => [name, names.indexOf(name)])) as Positions;
}

/** What is wrong with the row where something is. */
function rowOf(cells: string[] | string, positions: Positions): Omit<DayCount, 'line'> | string {
  if (typeof cells === 'string') return cells;
  const cell = (name: keyof Positions) => cells[positions[name]] ?? '';
  const missing = COLUMNS.filter((name) => cell(name) === '');
  if (missing.length > 0) return `${missing.join(', ')} missing`;
  const problem =
    dateProblem(cell('date')) ??
    nameProblem('channel', cell('channel')) ??
    nameProblem('video_id', cell('video_id')) ??
    COUNTS.map((name) => countProblem(name, cell(name))).find((found) => found !== undefined);
  if (problem !== undefined) return problem;
  return { date: cell('date'), channel: cell('channel'), videoId: cell('video_id'), views: Number(cell('views')) };
}

function dateProblem(date: string): string | undefined {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(date) ? new Date(`${date}T00:00:00Z`) : undefined;
  // 30 February would be read as 2 March
  const exists = day && !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date);
  if (!exists) return `date "${shortened(date)}" is not a date such as 2017-09-13`;
  if (date < FIRST_DATE) return `date ${date} is before ${FIRST_DATE}`;
  return day > new Date() ? `date ${date} has not come yet` : undefined;
}

function nameProblem(column: string, name: string): string | undefined {
  if (name.length > LONGEST_NAME) return `${column} is longer than ${LONGEST_NAME} characters`;
  return /\p{Cc}/u.test(name) ? `${column} has control characters` : undefined;
}

function countProblem(column: string, text: string): string | undefined {
  if (/^-\d/.test(text)) return `${column} is negative: ${shortened(text)}`;
  if (!/^\d+$/.test(text)) return `${column} is not a whole number: "${shortened(text)}"`;
  return Number(text) > LARGEST_COUNT ? `${column} is too large: ${shortened(text)}` : undefined;
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
