// Who may import whom: the rooms of the house, as rules. `node scripts/check/import-rules.ts` checks them.
const test = '\\.test\\.ts$';
const fixture = '(\\.fixture\\.ts$|/fixtures/)';
/** Policies are files, read once when the service starts. */
const reading = ['^services/policy/(policies|policy|schema|strict-judge)\\.ts$'];
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
      name: 'infra-knows-no-service',
      comment: 'What runs services does not depend on one. Generators that do are in scripts/kubernetes/.',
      severity: 'error',
      from: { path: '^infra/' },
      to: { path: '^(services|scripts)/' },
    },
    {
      name: 'bus-knows-contracts-only',
      severity: 'error',
      from: { path: '^infra/bus/' },
      to: { path: ours, pathNot: ['^contracts/', '^infra/bus/'] },
    },
    {
      name: 'runtime-runs-without-a-broker',
      comment: 'The simulator runs services by the same code, so that what it proves is true of JetStream as well.',
      severity: 'error',
      from: { path: '^infra/bus/(runtime|simulator|testing)/', pathNot: [test, '^infra/bus/testing/bare-jetstream\\.ts$'] },
      to: { path: ['^infra/bus/(jetstream|signals|provisioning|operator|quarantine|process)/', '(^|/)(nats|@nats-io)(/|$)'] },
    },
    {
      name: 'runtime-knows-no-simulator',
      severity: 'error',
      from: { path: '^infra/bus/', pathNot: [test, '^infra/bus/(simulator|verifier|testing)/'] },
      to: { path: '^infra/bus/(simulator|verifier|testing)/' },
    },
    {
      name: 'operators-stand-above',
      comment: 'What a service needs of NATS is not mixed with what looks after the broker.',
      severity: 'error',
      from: { path: '^infra/bus/(jetstream|signals|runtime|process|quarantine)/', pathNot: test },
      to: { path: '^infra/bus/(operator|provisioning)/' },
    },
    {
      name: 'services-use-what-is-theirs',
      comment: 'What a service may use of the bus is this list. The files at its top come first.',
      severity: 'error',
      from: { path: '^services/[^/]+/', pathNot: [test, 'fixture'] },
      to: {
        path: '^infra/bus/',
        pathNot: [
          '^infra/bus/(service|edge|history|log|component|define-tool)\\.ts$',
          '^infra/bus/runtime/(backoff|digest|large-values|publish|redact|secrets|storable|json)\\.ts$',
          '^infra/bus/process/(bounded-read|module-resolution)\\.ts$',
        ],
      },
    },
    {
      name: 'fixtures-serve-tests',
      comment: 'Code that serves tests is not part of what runs.',
      severity: 'error',
      from: {
        path: ours,
        pathNot: [test, '\\.fixture\\.ts$', '/fixtures/', '^test/', '^scripts/(simulate|check|chaos)/', '^infra/(sdk|bus/testing)/'],
      },
      to: { path: ['\\.fixture\\.ts$', '/fixtures/', '^infra/bus/testing/(?!bare)'] },
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
      comment:
        'A decision that is repeated after a crash must come out the same: no disk, no network, no clock. Digests are computed. tidy.test.ts looks for the clock and for chance.',
      severity: 'error',
      from: {
        path: ['^contracts/', '^services/(planner|policy|validator|saga-tracker|human-executor)/', '^infra/bus/runtime/'],
        pathNot: [test, fixture, ...reading],
      },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
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
