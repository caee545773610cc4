/**
 * `guardian.ts FOLDER OWNER`: sleeps until its standard input ends, which happens when the process that holds the data folder
 * has gone, however it went; then ends the processes that one left behind.
 */
import { argv, stdin } from 'node:process';
import type { ProcessIdentity } from './identity.ts';
import { endLeftovers } from './data-dir.ts';

const [folder, owner] = argv.slice(2);
if (folder === undefined || owner === undefined) throw new Error('usage: guardian.ts FOLDER OWNER');

// a Ctrl-C is the owner's business
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
stdin.resume();
stdin.once('end', () => void endLeftovers(folder, JSON.parse(owner) as ProcessIdentity));
