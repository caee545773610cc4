/** Part of `npm run build`: puts the bundled workflows where the compiled worker looks for them. */
import { bundleWorkflows } from '../src/local/workflow-bundle.ts';

await bundleWorkflows('dist/src/workflows/bundle.js');
