import { isGrpcServiceError, ServiceError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { ApplicationFailure, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/common';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { isProblemCode, Problem, problems, type FieldError, type ProblemCode } from '../../domain/problems.ts';
import type { App } from '../app.ts';

const MAX_FIELD_ERRORS = 20;

/** Answers every error as `application/problem+json` (RFC 9457). What is not meant for the caller is logged and hidden. */
export function errorHandling(app: App): void {
  app.setErrorHandler((error: unknown, request, reply) => {
    const problem = toProblem(error);
    if (problem.status >= 500) request.log.error({ err: error, code: problem.code }, 'request failed');
    return sendProblem(request, reply, problem);
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(request, reply, new Problem('not_found', `There is no ${request.method} at this path.`)),
  );
}

/** RFC 9457, with our stable `code`, the request's id for support and, for a refused request, what is wrong where. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  const { code, status, errors } = problem;
  // an undecodable path is refused before any hook
  void reply.header('x-request-id', request.id);
  if (status === 401) void reply.header('www-authenticate', 'Bearer');
  if (status === 503 && !reply.hasHeader('retry-after')) void reply.header('retry-after', '5');
  const body = {
    type: `urn:stipend:problem:${code}`,
    title: problems[code][1],
    status,
    detail: problem.message,
    code,
    request_id: request.id,
    ...(errors.length > 0 && { errors }),
  };
  return reply.status(status).type('application/problem+json').serializer(JSON.stringify).send(body);
}

/** What the caller is told of any error that a route can end with. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return temporalProblem(error) ?? databaseProblem(error) ?? frameworkProblem(error) ?? unexpected();
}

function unexpected(): Problem {
  return new Problem('internal_error', 'The request could not be completed. It has been logged.');
}

/** The first failure in the chain of causes that carries one of our codes: an activity's refusal arrives wrapped several times. */
function temporalProblem(error: unknown): Problem | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ApplicationFailure && isProblemCode(cause.type)) return new Problem(cause.type, cause.message);
    if (cause instanceof WorkflowNotFoundError) return new Problem('not_found', 'It is not running any more.');
    if (cause instanceof WorkflowExecutionAlreadyStartedError) return new Problem('conflict', 'It is running already.');
    if (cause instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
      return new Problem('unavailable', 'It was not carried out in time; nothing is lost, ask again.');
    }
    if (cause instanceof ServiceError || isGrpcServiceError(cause)) {
      return new Problem('unavailable', 'The workflow service cannot be reached; try again soon.');
    }
  }
  return undefined;
}

/** PostgreSQL's error classes and codes, https://www.postgresql.org/docs/18/errcodes-appendix.html */
const cannotServe = /^(?:08|53|57P|40001|40P01|55P03)/;
const badValue = /^(?:22P02|22P05|22021|22003|22007|22008)$/;
const networkCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND']);

function databaseProblem(error: unknown): Problem | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, message, cause } = error as { code?: unknown; message?: unknown; cause?: unknown };
  const lost = /Connection terminated|timeout exceeded when trying to connect|Client was closed/.test(String(message));
  if (lost || (typeof code === 'string' && (cannotServe.test(code) || networkCodes.has(code)))) {
    return new Problem('unavailable', 'The database is not ready for this; try again soon.');
  }
  if (typeof code === 'string' && badValue.test(code)) {
    return new Problem('validation_failed', 'A value is not one that can be stored.');
  }
  return databaseProblem(cause);
}

const byStatus: Record<number, ProblemCode> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
  503: 'unavailable',
};

function frameworkProblem(error: unknown): Problem | undefined {
  if (!(error instanceof Error)) return undefined;
  const { validation, validationContext, statusCode = 500 } = error as Partial<FastifyError>;
  if (validation) {
    const where = validationContext ?? 'body';
    const errors = validation.slice(0, MAX_FIELD_ERRORS).map(fieldError);
    return new Problem('validation_failed', `The ${where === 'body' ? 'body' : where} is not valid.`, errors);
  }
  const code = byStatus[statusCode] ?? (statusCode < 500 ? 'validation_failed' : undefined);
  return code && new Problem(code, error.message);
}

type SchemaError = NonNullable<FastifyError['validation']>[number];

/** `events.0.amount` and what is wrong with it. */
function fieldError({ instancePath, params, message }: SchemaError): FieldError {
  const named = params['missingProperty'] ?? params['additionalProperty'];
  const parts = instancePath.split('/').slice(1);
  if (typeof named === 'string') parts.push(named);
  const path = parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')).join('.');
  if (params['missingProperty'] !== undefined) return { path, message: 'is required' };
  if (params['additionalProperty'] !== undefined) return { path, message: 'is not known' };
  const allowed = Array.isArray(params['allowedValues']) ? `: ${params['allowedValues'].join(', ')}` : '';
  return { path, message: `${message ?? 'is not valid'}${allowed}` };
}
