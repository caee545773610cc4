import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readInput, type Input } from '../../src/local/demo/input.ts';
import { temporaryFolder } from '../support/folders.ts';

const HEADER = 'date,channel,video_id,views,likes,comments';

function read(content: string): Promise<Input> {
  const path = join(temporaryFolder(), 'input.csv');
  writeFileSync(path, content);
  return readInput(path);
}

async function reasonFor(row: string): Promise<string | undefined> {
  const { rows, rejected } = await read(
    `${HEADER}\n2024-05-01,Good,aaaaaaaaaaa,10,1,0\n${row}\n2024-05-02,Good,aaaaaaaaaaa,20,2,0\n`,
  );
  expect(rows.map(({ line, views }) => [line, views])).toEqual([
    [2, 10],
    [4, 20],
  ]);
  expect(rejected.map(({ line }) => line)).toEqual([3]);
  return rejected[0]?.reason;
}

test('reads rows with their line, whatever the order of the columns and the ends of the lines', async () => {
  const { rows, rejected } = await read(
    '\ufeffviews,Channel,extra,comments,likes,video_id,date\r\n5,"Nadia, ""N""",x,0,0,aaaaaaaaaaa,2024-05-01\r\n\r\n 6 , Loom & Ladder ,,0,0,bbbbbbbbbbb,2024-05-02\n7,Say "cheese",,0,0,ccccccccccc,2024-05-03',
  );
  expect(rejected).toEqual([]);
  expect(rows).toEqual([
    { line: 2, date: '2024-05-01', channel: 'Nadia, "N"', videoId: 'aaaaaaaaaaa', views: 5 },
    { line: 4, date: '2024-05-02', channel: 'Loom & Ladder', videoId: 'bbbbbbbbbbb', views: 6 },
    { line: 5, date: '2024-05-03', channel: 'Say "cheese"', videoId: 'ccccccccccc', views: 7 },
  ]);
});

describe('names what is wrong with a row and goes on', () => {
  test.each([
    ['2024-05-01,Bad,bbbbbbbbbbb,,1,0', 'views missing'],
    ['2024-05-01,,bbbbbbbbbbb,1,1,0', 'channel missing'],
    ['2024-05-01,Bad,bbbbbbbbbbb,1', 'likes, comments missing'],
    ['2024-05-01,Bad,bbbbbbbbbbb,-1,1,0', 'views is negative: -1'],
    ['2024-05-01,Bad,bbbbbbbbbbb,1,1.5,0', 'likes is not a whole number: "1.5"'],
    ['2024-05-01,Bad,bbbbbbbbbbb,1,1,many', 'comments is not a whole number: "many"'],
    ['2024-05-01,Bad,bbbbbbbbbbb,1e3,1,0', 'views is not a whole number: "1e3"'],
    ['2024-05-01,Bad,bbbbbbbbbbb,1000000000001,1,0', 'views is too large: 1000000000001'],
    ['2024-02-30,Bad,bbbbbbbbbbb,1,1,0', 'date "2024-02-30" is not a date such as 2017-09-13'],
    ['01/05/2024,Bad,bbbbbbbbbbb,1,1,0', 'date "01/05/2024" is not a date such as 2017-09-13'],
    ['1969-12-31,Bad,bbbbbbbbbbb,1,1,0', 'date 1969-12-31 is before 1970-01-01'],
    ['9999-01-01,Bad,bbbbbbbbbbb,1,1,0', 'date 9999-01-01 has not come yet'],
    ['2024-05-01,"Bad,bbbbbbbbbbb,1,1,0', 'the quotes do not match'],
    [`2024-05-01,${'x'.repeat(201)},bbbbbbbbbbb,1,1,0`, 'channel is longer than 200 characters'],
    ['2024-05-01,Ba\u0007d,bbbbbbbbbbb,1,1,0', 'channel has control characters'],
  ])('%s', async (row, reason) => {
    expect(await reasonFor(row)).toBe(reason);
  });
});

test('the same lines have the same hash, others another', async () => {
  const rows = '2024-05-01,Good,aaaaaaaaaaa,10,1,0';
  const [first, again, other] = await Promise.all([
    read(`${HEADER}\n${rows}\n`),
    read(`${HEADER}\r\n${rows}\r\n`),
    read(`${HEADER}\n${rows}1\n`),
  ]);
  expect(again.hash).toBe(first.hash);
  expect(other.hash).not.toBe(first.hash);
});

describe('says in a sentence why a file cannot be used', () => {
  test('no header', async () => {
    await expect(read('2024-05-01,Good,aaaaaaaaaaa,10,1,0\n')).rejects.toThrow(/has no column date, channel, video_id/);
  });
  test('a column missing', async () => {
    await expect(read('date,channel,video_id,likes,comments\n')).rejects.toThrow(/has no column views: its first line/);
  });
  test('nothing in it', async () => {
    await expect(read('')).rejects.toThrow(/is empty; its first line must be date,channel/);
  });
  test('not there, or a folder', async () => {
    await expect(readInput(join(temporaryFolder(), 'no.csv'))).rejects.toThrow(/cannot be read: ENOENT/);
    await expect(readInput(temporaryFolder())).rejects.toThrow(/cannot be read: EISDIR/);
  });
});
