/** Who may import whom. Each rule's comment says why. @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'but for types: a workflow names the type of the activities that start it',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'domain-is-pure',
      comment: 'rules without input or output: anybody may use them, they use nobody',
      severity: 'error',
      from: { path: '^src/domain' },
      to: { pathNot: '^src/domain', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'workflows-are-deterministic',
      comment: 'workflow code runs in the Temporal sandbox: pure rules and types only',
      severity: 'error',
      from: { path: '^src/workflows' },
      to: { pathNot: '^src/(workflows|domain)|@temporalio/(workflow|common)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'api-starts-workflows',
      comment: 'the API never runs an activity itself',
      severity: 'error',
      from: { path: '^src/api' },
      to: { path: '^src/activities' },
    },
    {
      name: 'providers-know-no-database',
      severity: 'error',
      from: { path: '^src/providers' },
      to: { path: '^src/(database|ledger|activities|api|workflows)' },
    },
    {
      name: 'sandbox-stays-outside',
      comment: 'the product reaches a sandbox over HTTP, as it reaches the provider',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/(sandbox|local)' },
      to: { path: '^src/sandbox' },
    },
    {
      name: 'local-is-outermost',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/local' },
      to: { path: '^src/local' },
    },
    {
      name: 'no-dev-dependency-in-product',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/local' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
