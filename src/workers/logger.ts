import { DefaultLogger, type LogLevel } from '@temporalio/worker';
import { pino } from 'pino';

/** The SDK's and the activities' log lines, through the same logger as everything else. */
export function workerLogger(level: string): DefaultLogger {
  const log = pino({ level, name: 'worker' });
  return new DefaultLogger('DEBUG', ({ level: entryLevel, message, meta }) => {
    log[levels[entryLevel]]({ ...meta }, message);
  });
}

const levels: Record<LogLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error'> = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
};
