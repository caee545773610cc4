// CommonJS packages require() these, which are ESM only; Jest can do that only where they pass through the transform.
const requiredEsmOnly = ['cookie', 'content-disposition', 'strip-json-comments'];

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/tests'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.[jt]s$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, sourceMaps: 'inline' },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(?:${requiredEsmOnly.join('|')})/)`],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.stipend/'],
  globalSetup: '<rootDir>/tests/global-setup.mjs',
  globalTeardown: '<rootDir>/tests/global-teardown.mjs',
  testTimeout: 60_000,
  maxWorkers: 2,
  // the modules of a finished test file are freed late: replace workers that grew
  workerIdleMemoryLimit: '1GB',
};
