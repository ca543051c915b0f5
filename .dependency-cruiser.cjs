// Who may import whom: the rooms of the house, as rules. `node scripts/check/import-rules.ts` checks them.
const test = '\\.test\\.ts$';
const ours = '^(contracts|infra|services|scripts|test)/';

module.exports = {
  forbidden: [
    {
      name: 'contracts-stand-alone',
      comment: 'What is said depends on nobody who says it.',
      severity: 'error',
      from: { path: '^contracts/' },
      to: { path: ours, pathNot: '^contracts/' },
    },
    {
      name: 'contracts-are-pure',
      comment:
        'Contracts use zod, jsonata and yaml for the workflow language, ajv for JSON Schemas, re2js and regexpp for their patterns, leven for suggestions; nothing that reads a clock, a disk or a network.',
      severity: 'error',
      from: { path: '^contracts/', pathNot: test },
      to: { pathNot: ['^contracts/', '/node_modules/(zod|jsonata|yaml|ajv|ajv-formats|re2js|leven|@eslint-community/regexpp)/'] },
    },
    {
      name: 'bus-knows-contracts-only',
      severity: 'error',
      from: { path: '^infra/bus/' },
      to: { path: ours, pathNot: ['^contracts/', '^infra/bus/'] },
    },
    {
      name: 'nats-knows-nobody',
      comment: 'The server is found and started without knowing what it is for.',
      severity: 'error',
      from: { path: '^infra/nats/' },
      to: { path: ours, pathNot: '^infra/nats/' },
    },
    {
      name: 'services-do-not-meet',
      comment: 'A service knows what is said, never who says it.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: ours, pathNot: ['^contracts/', '^infra/bus/', '^services/$1/'] },
    },
    {
      name: 'nobody-imports-scripts',
      severity: 'error',
      from: { path: '^(contracts|infra|services)/' },
      to: { path: '^scripts/' },
    },
    {
      name: 'nobody-imports-tests',
      severity: 'error',
      from: { path: ours, pathNot: '^test/' },
      to: { path: ['^test/', test] },
    },
    {
      name: 'only-the-bus-speaks-nats',
      comment: 'Another transport is then a change in one folder. Whole-run tests may look at the wire.',
      severity: 'error',
      from: { path: ours, pathNot: ['^infra/bus/', '^test/'] },
      to: { path: '(^|/)(nats|@nats-io)(/|$)', pathNot: ours },
    },
    {
      name: 'decisions-only-compute',
      comment: 'A decision that is repeated after a crash must come out the same.',
      severity: 'error',
      from: { path: '/decide\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    { name: 'no-cycles', severity: 'error', from: { path: ours }, to: { circular: true } },
    {
      name: 'everything-resolves',
      comment: 'An import that does not resolve is one that no other rule sees.',
      severity: 'error',
      from: { path: ours },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)node_modules/\\.bin/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.cjs', '.d.ts', '.json'],
    },
  },
};
