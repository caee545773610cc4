/** `npm run db:url`: the connection of the role that the application itself uses. */
import { databaseUrls } from '../database/url.ts';
import { installationSettings, runCommand } from './environment.ts';

await runCommand(() => {
  process.stdout.write(`${databaseUrls(installationSettings()).app}\n`);
  return Promise.resolve(0);
});
