import type { App } from './app.ts';

/** Every resource of the API. */
export const resources: ((app: App) => void)[] = [];
