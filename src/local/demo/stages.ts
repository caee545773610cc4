import { performance } from 'node:perf_hooks';

export interface Stage {
  name: string;
  seconds: number;
}

const SAY_EVERY_MS = 5000;

/** The parts of the main job in their order, each told when it has ended and timed. */
export class Stages {
  readonly done: Stage[] = [];
  readonly #progress: (line: string) => void;

  constructor(progress: (line: string) => void) {
    this.#progress = progress;
  }

  /** @param work gets a function to tell how far it is, which keeps what is shown to a line in five seconds */
  async run<T>(name: string, work: (say: (state: string) => void) => Promise<T>): Promise<T> {
    const began = performance.now();
    let said = began;
    const result = await work((state) => {
      if (performance.now() - said < SAY_EVERY_MS) return;
      said = performance.now();
      this.#progress(`  ${name}: ${state}`);
    });
    const seconds = Math.round(performance.now() - began) / 1000;
    this.done.push({ name, seconds });
    this.#progress(`✔ ${name} [${seconds.toFixed(1)}s]`);
    return result;
  }
}
