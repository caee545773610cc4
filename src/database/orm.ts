import { Migrator } from '@mikro-orm/migrations';
import { defineConfig, MikroORM, type Options } from '@mikro-orm/postgresql';
import type { Pool } from 'pg';
import { entities } from './entities/index.ts';
import { migrationsList } from './migrations/index.ts';
import { prepareMarkedStatements } from './prepared-statements.ts';
import { readTimestampsAsIso } from './timestamps.ts';

export function ormConfig(clientUrl: string, extra: Options = {}): Options {
  return defineConfig({
    clientUrl,
    entities,
    extensions: [Migrator],
    // explicit lists: nothing is discovered from disk at run time
    migrations: { migrationsList, snapshot: false, path: 'src/database/migrations', emit: 'ts', silent: true },
    discovery: { warnWhenNoEntities: false },
    forceUtcTimezone: true,
    driverOptions: {
      onPoolCreated: (pool: Pool) => {
        prepareMarkedStatements(pool);
        readTimestampsAsIso(pool);
      },
    },
    ...extra,
  });
}

export function openOrm(clientUrl: string, poolSize: number, extra: Options = {}): Promise<MikroORM> {
  return MikroORM.init(ormConfig(clientUrl, { pool: { min: 0, max: poolSize }, ...extra }));
}

/** For the `mikro-orm` command line. */
export default ormConfig(process.env['DATABASE_URL'] ?? 'postgresql://127.0.0.1:5432/postgres');
