import reference from '@scalar/fastify-api-reference';
import type { App } from './app.ts';

/** What the page needs of a browser: its own script and styles, which it writes into the page, and calls to this API. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
].join(';');

/** The description at `/openapi.json` and the page that shows it at `/docs`, which loads nothing from elsewhere. */
export async function docs(app: App): Promise<void> {
  app.get(
    '/openapi.json',
    { config: { access: 'anyone', rateLimit: 'none' }, schema: { hide: true } },
    (_request, reply) => reply.send(app.swagger()),
  );
  await app.register(async (page) => {
    page.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'anyone', rateLimit: 'none' };
    });
    await page.register(reference, {
      routePrefix: '/docs',
      logLevel: 'warn',
      configuration: {
        url: '/openapi.json',
        pageTitle: 'Stipend API',
        withDefaultFonts: false,
        telemetry: false,
        hideClientButton: true,
        showDeveloperTools: 'never',
        agent: { disabled: true },
        mcp: { disabled: true },
      },
      hooks: {
        onRequest: (_request, reply, done) => {
          void reply.header('content-security-policy', contentSecurityPolicy);
          done();
        },
      },
    });
  });
}
