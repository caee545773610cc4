import { Ajv } from 'ajv';
import ajvFormats from 'ajv-formats';
import type { App } from '../app.ts';

/**
 * A body is taken as it is: "5" is not 5. Paths, queries and headers are text by nature, so there numbers and single values of lists
 * are read out of it. Nothing unknown is dropped in silence.
 */
export function validation(app: App): void {
  const common = {
    useDefaults: true,
    removeAdditional: false,
    allErrors: true,
    strict: true,
    strictTypes: false,
  } as const;
  const body = withFormats(new Ajv({ ...common, coerceTypes: false }));
  const text = withFormats(new Ajv({ ...common, coerceTypes: 'array' }));
  // a command without anything to say may come without a body; what it has to say is then missed by name
  app.addHook('preValidation', (request, _reply, done) => {
    if (request.routeOptions.schema?.body && (request.body === undefined || request.body === null)) request.body = {};
    done();
  });
  // many clients announce JSON and send nothing
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    if (text === '') done(null, undefined);
    else void parse(request, text.toString(), done);
  });
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? body : text).compile(schema as object));
}

function withFormats(ajv: Ajv): Ajv {
  // the package is CommonJS: its default export is the module
  ajvFormats.default(ajv, ['uuid', 'email', 'date-time', 'date', 'uri']);
  return ajv;
}
