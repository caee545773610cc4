import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker, type ReplayWorkerOptions } from '@temporalio/worker';
import * as workflows from '../../src/workflows/index.ts';
import { HISTORIES, historyConverter } from '../support/histories.ts';

const stored = readdirSync(HISTORIES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name }) => readdirSync(join(HISTORIES, name)).map((file) => join(name, file)));

const read = (name: string) => JSON.parse(readFileSync(join(HISTORIES, name), 'utf8')) as { events: HistoryEvent[] };

interface HistoryEvent {
  activityTaskScheduledEventAttributes?: { activityType: { name: string } };
}

let options: ReplayWorkerOptions;

beforeAll(() => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  options = { workflowBundle: { codePath: process.env['TEST_WORKFLOW_BUNDLE']! }, dataConverter: historyConverter() };
});

const replay = (history: object) => Worker.runReplayHistory(options, historyFromJSON(history));

test.each(stored)('%s replays on the workflows as they are now', async (name) => {
  await replay(read(name));
});

test('every workflow has a stored history', () => {
  const types = Object.entries(workflows).flatMap(([name, value]) => (typeof value === 'function' ? [name] : []));
  const recorded = new Set(stored.map((name) => name.split('/')[0]));
  expect(types.filter((type) => !recorded.has(type))).toEqual([]);
});

test('a history that the workflows would not write is refused', async () => {
  const poisoned = read(stored.find((name) => name.startsWith('payout/'))!);
  const scheduled = poisoned.events.findLast((event) => event.activityTaskScheduledEventAttributes);
  scheduled!.activityTaskScheduledEventAttributes!.activityType.name = 'somethingElse';
  await expect(replay(poisoned)).rejects.toThrow(/[Nn]ondetermin/);
});
