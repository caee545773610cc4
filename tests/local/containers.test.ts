import { existsSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';

interface Service {
  image?: string;
  build?: string;
  command?: string[];
  environment?: Record<string, string | number>;
  ports?: string[];
  restart?: string;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test?: string[]; disable?: boolean };
  volumes?: string[];
  configs?: { source: string }[];
}

interface Compose {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
  configs: Record<string, unknown>;
}

let text: string;
let compose: Compose;
let services: [string, Service][];
const dockerfile = readFileSync('Dockerfile', 'utf8');

beforeAll(() => {
  text = readFileSync('docker-compose.yml', 'utf8');
  compose = parse(text, { merge: true }) as Compose;
  services = Object.entries(compose.services);
});

describe('docker-compose.yml', () => {
  test('has the product in its roles, on PostgreSQL and Temporal with its Web UI', () => {
    const { postgres, temporal, 'temporal-ui': ui, migrate, api, worker } = compose.services;
    expect(postgres!.image).toMatch(/^postgres:18/);
    expect(temporal!.image).toMatch(/^temporalio\/server:\d/);
    expect(temporal!.environment).toMatchObject({ DB: 'postgres12', POSTGRES_SEEDS: 'postgres' });
    expect(ui!.image).toMatch(/^temporalio\/ui:\d/);
    expect([migrate, api, worker].map((service) => service!.command)).toEqual([['migrate'], ['api'], ['worker']]);
  });

  test('every image is pinned, and what is built can be', () => {
    for (const [, { image, build }] of services) {
      if (build) expect(existsSync(`${build}/Dockerfile`)).toBe(true);
      else expect(image).toMatch(/:\d/);
    }
  });

  test('who waits for a service can: it exists and has the health check, or the end, that is waited for', () => {
    for (const [name, { depends_on: dependencies = {} }] of services) {
      for (const [target, { condition }] of Object.entries(dependencies)) {
        const service = compose.services[target];
        expect({ name, target, exists: service !== undefined }).toEqual({ name, target, exists: true });
        if (condition === 'service_healthy') expect(service!.healthcheck?.test?.length).toBeGreaterThan(1);
        else {
          expect(condition).toBe('service_completed_successfully');
          expect(service!.restart).toBe('on-failure');
        }
      }
    }
  });

  test('nobody waits for somebody who waits for them', () => {
    const visit = (name: string, path: string[]): void => {
      expect(path).not.toContain(name);
      for (const next of Object.keys(compose.services[name]!.depends_on ?? {})) visit(next, [...path, name]);
    };
    for (const [name] of services) visit(name, []);
  });

  test('volumes and configurations that are used are declared', () => {
    const used = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(':')[0]!));
    expect(Object.keys(compose.volumes)).toEqual(expect.arrayContaining(used));
    const configs = services.flatMap(([, service]) => (service.configs ?? []).map(({ source }) => source));
    expect(Object.keys(compose.configs)).toEqual(expect.arrayContaining(configs));
  });

  test('secrets have no default', () => {
    const variables = [...text.matchAll(/(?<!\$)\$\{([A-Z_]+)(:[-?])?/g)].map(([, name, operator]) => ({
      name,
      operator,
    }));
    const secrets = variables.filter(({ name }) => /PASSWORD|SECRET|ENCRYPTION_KEYS|ADMIN_EMAIL/.test(name!));
    expect(secrets.length).toBeGreaterThan(8);
    expect(secrets.filter(({ operator }) => operator !== ':?')).toEqual([]);
  });

  test('the roles are told only settings that exist', () => {
    const documented = readFileSync('.env.example', 'utf8');
    for (const role of ['migrate', 'api', 'worker']) {
      const told = Object.keys(compose.services[role]!.environment!);
      expect(told.filter((name) => !documented.includes(`#${name}=`))).toEqual([]);
    }
  });

  test('the owner of the tables is known to the migration alone', () => {
    const owner = /postgresql:\/\/stipend:/;
    const knowing = services.filter(([, { environment = {} }]) =>
      Object.values(environment).some((v) => owner.test(String(v))),
    );
    expect(knowing.map(([name]) => name)).toEqual(['migrate']);
  });

  test('a service is published on the port that it listens on', () => {
    const { api, worker } = compose.services;
    expect(api!.ports).toEqual([`\${PORT:-3000}:${api!.environment!['PORT']!}`]);
    expect(dockerfile).toContain(`EXPOSE ${api!.environment!['PORT']!}`);
    expect(worker!.environment!['WORKER_HEALTH_PORT']).not.toBe(api!.environment!['PORT']);
  });
});

describe('Dockerfile', () => {
  test('copies only what .dockerignore lets through', () => {
    const allowed = readFileSync('.dockerignore', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) =>
      sources!.split(' '),
    );
    expect(copied.length).toBeGreaterThan(4);
    expect(allowed).toEqual(expect.arrayContaining(copied));
    for (const source of copied) expect(existsSync(source)).toBe(true);
  });

  test('runs the compiled program as an ordinary user, with a health check', () => {
    const stages = dockerfile.split(/^FROM /m);
    expect(stages.at(-1)).toMatch(/^USER node$/m);
    expect(stages.at(-1)).toMatch(/^HEALTHCHECK /m);
    expect(stages.at(-1)).toMatch(/^ENTRYPOINT \["node", "dist\/src\/main.js"\]$/m);
  });
});
