import type { App } from '../app.ts';

/** Registers the second path of a route that declares `config.alias`; the description lists the first only. */
export function aliases(app: App): void {
  app.addHook('onRoute', function (route) {
    const { alias, ...config } = route.config ?? {};
    if (alias === undefined || route.method === 'HEAD') return;
    this.route({ ...route, url: alias, config, schema: { ...route.schema, hide: true } });
  });
}
