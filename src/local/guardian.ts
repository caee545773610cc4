/**
 * Reads lists of processes from its standard input, one list a line. When the input ends, which happens as soon as the program at its
 * other end has gone, however it went, the processes of the last list are ended.
 */
import { createInterface } from 'node:readline';
import { endProcesses } from './end-processes.ts';
import type { ProcessIdentity } from './identity.ts';

// a Ctrl-C is for the program that is guarded
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

let guarded: ProcessIdentity[] = [];
for await (const line of createInterface({ input: process.stdin })) guarded = JSON.parse(line) as ProcessIdentity[];
await endProcesses(guarded);
