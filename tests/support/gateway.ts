import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Passing {
  method: string;
  path: string;
  body: string;
  /** Answers in place of the server behind. */
  answer: (status: number, body: object) => void;
}

export interface Gateway {
  url: string;
  /** Called before each request goes on; may answer it. */
  onRequest: (passing: Passing) => void;
  /** Called before each answer goes back, which waits for it. */
  onAnswer: (passing: Passing) => Promise<void> | void;
  close: () => Promise<void>;
}

/** Stands between a client and a real server, so that a test can hold back an answer or give another one. */
export async function openGateway(target: string): Promise<Gateway> {
  const server = createServer((request, response) => {
    // what the server behind drops is dropped here too
    pass(request, response).catch(() => request.socket.destroy());
  });
  const gateway: Gateway = {
    url: '',
    onRequest: () => undefined,
    onAnswer: () => undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = 'GET', url: path = '/', headers } = request;
    const body = Buffer.concat(chunks).toString();
    const answer = (status: number, content: object | string) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof content === 'string' ? content : JSON.stringify(content));
    };
    const passing: Passing = { method, path, body, answer };
    gateway.onRequest(passing);
    if (response.writableEnded) return;
    const kept = Object.entries(headers).filter(([name]) => !['host', 'connection', 'content-length'].includes(name));
    const behind = await fetch(`${target}${path}`, {
      method,
      headers: Object.fromEntries(kept) as Record<string, string>,
      ...(body !== '' && { body }),
    });
    const text = await behind.text();
    await gateway.onAnswer(passing);
    answer(behind.status, text);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  gateway.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return gateway;
}
