/** `npm run ledger:verify`: rebuilds the ledger from its postings; exit code 1 and the first difference of each kind if any. */
import { openOrm } from '../database/orm.ts';
import { databaseUrls } from '../database/url.ts';
import { verifyLedger } from '../ledger/verify.ts';
import { installationSettings, runCommand } from './environment.ts';

await runCommand(async () => {
  const orm = await openOrm(databaseUrls(installationSettings()).app, 1);
  try {
    const { entries, postings, accounts, differences } = await verifyLedger(orm.em.fork());
    for (const { check, subject, detail } of differences) process.stdout.write(`${check}: ${subject} ${detail}\n`);
    const verdict = differences.length === 0 ? 'verified' : 'DIFFERS';
    process.stdout.write(`ledger ${verdict}: ${entries} entries, ${postings} postings, ${accounts} accounts\n`);
    return differences.length === 0 ? 0 : 1;
  } finally {
    await orm.close(true);
  }
});
