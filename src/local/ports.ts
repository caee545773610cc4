import { createServer } from 'node:net';
import { StartError } from './errors.ts';

/** Below the range that the system gives to outgoing connections, above those of Temporal's own services. */
const FIRST_FREE_PORT = 20_000;
const FREE_PORTS = 12_000;

export interface WantedPort {
  /** The environment variable that sets it. */
  setting: string;
  /** What listens there. */
  purpose: string;
  port: number;
}

/** A port that nothing listens on now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_FREE_PORT + Math.floor(Math.random() * FREE_PORTS);
    if (await isFree(port)) return port;
  }
}

/** Throws a {@link StartError} naming the first port that is taken or wanted twice. */
export async function requireFreePorts(wanted: WantedPort[]): Promise<void> {
  const seen = new Map<number, string>();
  for (const { setting, purpose, port } of wanted) {
    const other = seen.get(port);
    if (other) throw new StartError(`${setting} and ${other} are both ${port}; give each a port of its own.`);
    seen.set(port, setting);
    if (!(await isFree(port))) {
      throw new StartError(`Port ${port} (${purpose}) is busy; free it or set ${setting} to another port.`);
    }
  }
}

/** Tried on the loopback address too: some systems let one program take that and another all addresses. */
async function isFree(port: number): Promise<boolean> {
  return (await canListen(port, '0.0.0.0')) && (await canListen(port, '127.0.0.1'));
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else if (error.code === 'EACCES') reject(new StartError(`Port ${port} may not be used by this user.`));
      else reject(error);
    });
    server.listen(port, host, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
