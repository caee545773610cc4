/** RFC 9457 answers of the sandbox's own controls. */
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';

export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** Makes every error of this part of the server `application/problem+json`. */
export function answerWithProblems(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError | Problem>((error, request, reply) => {
    if (error instanceof Problem) return send(reply, error.status, error.code, error.message);
    if (error.validation) {
      const errors = error.validation.map(({ instancePath, message = 'is invalid', params }) => {
        const extra = typeof params.additionalProperty === 'string' ? `: ${params.additionalProperty}` : '';
        return { path: instancePath, message: message + extra };
      });
      return send(reply, 400, 'validation_failed', error.message, { errors });
    }
    const status = error.statusCode ?? 500;
    if (status < 500) return send(reply, status, 'validation_failed', error.message);
    request.log.error(error);
    return send(reply, status, 'internal_error', 'The sandbox failed');
  });
}

function send(reply: FastifyReply, status: number, code: string, detail: string, more: object = {}): FastifyReply {
  const title = status === 404 ? 'Not found' : status < 500 ? 'Bad request' : 'Internal error';
  return reply
    .code(status)
    .type('application/problem+json')
    .send({ type: 'about:blank', title, status, detail, code, ...more });
}
