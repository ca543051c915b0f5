/** Requests that cost as much as their writers could make them cost: each by its name. */

const list = <T>(length: number, of: (index: number) => T): T[] => Array.from({ length }, (_, index) => of(index));
const named = (length: number, of: (index: number) => unknown, name = 'k'): { [name: string]: unknown } =>
  Object.fromEntries(list(length, (index) => [`${name}${index}`, of(index)]));
const nested = (levels: number, around: (inside: unknown) => unknown, inside: unknown): unknown =>
  list(levels, (index) => index).reduce<unknown>((one) => around(one), inside);

const LINE = `${'a'.repeat(30)}!`;
const CATASTROPHIC = '^(a+)+$';
const step = (more: object): object => ({ id: 'a', uses: 'anything', ...more });
const workflow = (more: object): object => ({ workflow: { name: 'burn', steps: [step(more)] } });
const checked = (input: object, value: unknown): object => ({ workflow: { name: 'burn', input, steps: [step({})] }, input: value });
const doubling = (keyword: string): object => ({
  $ref: '#/$defs/d0',
  $defs: {
    ...named(30, (n) => ({ [keyword]: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] }), 'd'),
    d30: { type: 'number' },
  },
});

const schemas: { readonly [name: string]: object } = {
  pattern: checked({ properties: { x: { pattern: CATASTROPHIC } } }, { x: LINE }),
  patternOverMuch: checked({ properties: { x: { pattern: '(a|b|ab)*c' } } }, { x: 'ab'.repeat(400_000) }),
  patternThatMultiplies: checked({ properties: { x: { pattern: '(x{1,1000}){1,1000}' } } }, { x: 'x' }),
  lookAhead: checked({ properties: { x: { pattern: '^(?=(a+)+$)' } } }, { x: LINE }),
  propertyNames: checked({ propertyNames: { pattern: CATASTROPHIC } }, { [LINE]: 1 }),
  uniqueLists: checked({ properties: { x: { uniqueItems: true } } }, { x: list(40_000, (n) => [n]) }),
  uniqueObjects: checked({ properties: { x: { uniqueItems: true } } }, { x: list(40_000, (a) => ({ a })) }),
  allOfDoubles: checked(doubling('allOf'), {}),
  anyOfDoubles: checked(doubling('anyOf'), {}),
  oneOfDoubles: checked(doubling('oneOf'), {}),
  loop: checked({ $ref: '#' }, {}),
  loopOfTwo: checked({ $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } }, {}),
  tree: checked(
    { properties: { a: { anyOf: [{ $ref: '#' }, { $ref: '#' }] } } },
    nested(100, (a) => ({ a }), {}),
  ),
  dynamic: checked(
    { $dynamicAnchor: 'n', properties: { a: { allOf: [{ $dynamicRef: '#n' }, { $dynamicRef: '#n' }] } } },
    nested(100, (a) => ({ a }), {}),
  ),
  manyErrors: checked(
    { properties: { x: { items: { allOf: list(100, (minimum) => ({ type: 'number', minimum })) } } } },
    { x: list(100_000, () => 's') },
  ),
  longNames: checked(
    { additionalProperties: { additionalProperties: { type: 'string' } } },
    { ['x'.repeat(400_000)]: named(20_000, () => 1) },
  ),
  manyProperties: checked({ properties: named(5_000, () => ({ type: 'string' })) }, {}),
  deepSchema: checked(nested(150, (a) => ({ properties: { a } }), {}) as object, {}),
  manyNames: checked({ dependentRequired: { x: list(20_000, (n) => `n${n}`) } }, { x: 1 }),
  lengths: checked({ properties: { x: { allOf: list(200, (n) => ({ minLength: 500_000 + n })) } } }, { x: 'x'.repeat(900_000) }),
  output: workflow({ with: { x: LINE }, output: { properties: { x: { pattern: CATASTROPHIC } } } }),
  form: {
    workflow: { name: 'burn', steps: [{ id: 'q', kind: 'person', prompt: 'ok?', form: { properties: { x: { pattern: CATASTROPHIC } } } }] },
  },
};

const EXPRESSIONS: { readonly [name: string]: string } = {
  match: `$match("${LINE}", /^(a+)+$/)`,
  matchEach: `$match("${'a'.repeat(3_000)}", /a.*b|a/)`,
  dag: '$reduce([1..26], function($a,$b){{"x":$a,"y":$a}}, {"z":1})',
  dagOfLists: '$boolean($reduce([1..60], function($a,$b){[[$a],[$a]]}, [1]))',
  dagByTransform: '$reduce([1..30], function($a,$b){ $a ~> |$|{"x":$a,"y":$a}| }, {"z":1})',
  deep: '$reduce([1..5000], function($a,$b){[[$a]]}, [1])',
  pad: '$pad("x", 100000000)',
  double: '$length($reduce([1..28], function($a,$b){$a & $a}, "abcdefgh"))',
  doubleOut: '$reduce([1..25], function($a,$b){$a & $a}, "abcdefgh")',
  range: '[1..10000000]',
  recursion: '($f := function($n){ $f($n+1) }; $f(0))',
  deepRecursion: '($f := function($n){ 1 + $f($n+1) }; $f(0))',
  sort: '$count($sort([1..99999], function($l,$r){ true }))',
  orderBy: '$count([1..99999]^($))',
  distinct: '$count($distinct([1..99999].{"a":$}))',
  cross: '($x := [1..99999]; $count($x[$ in $x]))',
  group: '[1..99999]{"x": $}',
  tuples: '$count([1..99999]@$x.[1..99999]@$y)',
  append: '$reduce([1..99999], function($a,$b){$append($a,$b)}, [])',
  spread: '$spread([1..99999].{"a":$})',
  zip: `$zip(${list(400, () => '[1..99999]').join(',')})`,
  join: '$join([1..99999].$string(), $pad("x", 900000))',
  replace: '$replace($pad("a", 900000, "a"), "a", $pad("b", 900000, "b"))',
  picture: `$toMillis("${'1'.repeat(100)}x", "${'[Y]1[M]1[D]1'.repeat(6)}")`,
  roman: '$formatInteger(1e15, "I")',
  path: Array(2_900).fill('a').join('.'),
  nestedDeep: `${'('.repeat(2_900)}1${')'.repeat(2_900)}`,
};

const wide = (deps: number): object => ({
  workflow: {
    name: 'x',
    steps: list(200, (i) => ({
      id: `step-with-a-long-name-number-${i}`,
      uses: 'anything',
      dependsOn: list(deps, (k) => `stepp-with-a-long-name-numbr-${i}-${k}`),
    })),
  },
});

const requests: { readonly [name: string]: object } = {
  misspelt: wide(40),
  misspeltArguments: { workflow: { name: 'x', steps: [{ id: 'a', uses: 'book_hotel', with: named(30_000, () => 1, 'argumnt') }] } },
  unknownFields: { workflow: { name: 'x', steps: list(5_000, (i) => ({ id: `s${i}`, uses: 'anything', usess: 1, dependOn: 2 })) } },
  manyFields: { workflow: { name: 'x', steps: [step(named(60_000, () => 1))] } },
  wrongDependencies: { workflow: { name: 'x', steps: [step({ dependsOn: list(300_000, () => 1) })] } },
  everybodyWaits: {
    workflow: { name: 'x', steps: list(400, (i) => ({ id: `s${i}`, uses: 'anything', dependsOn: list(i, (k) => `s${k}`) })) },
  },
  manyExpressions: workflow({ with: named(8_000, (n) => `= $count([1..10]) + ${n}`) }),
  longExpressions: workflow({ with: named(150, (n) => `= ${Array(2_900).fill('a').join('.')}.b${n}`) }),
  manySchemas: {
    workflow: {
      name: 'x',
      steps: list(300, (i) => ({
        id: `s${i}`,
        uses: 'anything',
        output: { properties: named(40, (n) => ({ type: 'string', maxLength: n + i })) },
      })),
    },
  },
  yamlAliases: {
    workflow: `a: &a [x,x,x,x,x,x,x,x,x]\n${list(9, (n) => `b${n}: &b${n} [${list(9, () => (n === 0 ? '*a' : `*b${n - 1}`)).join(',')}]\n`).join('')}`,
  },
  yamlKeys: { workflow: list(60_000, (n) => `k${n}: 1\n`).join('') },
  yamlErrors: { workflow: '&a '.repeat(200_000) },
  yamlNested: { workflow: '['.repeat(190) },
  sharedLargeValue: {
    workflow: { name: 'x', steps: [step({ with: named(1_000, () => '= input.x') })] },
    input: { x: 'x'.repeat(900_000) },
  },
};

/** Everything that is tried: by its name, the body of a submission. */
export const burning: { readonly [name: string]: object } = {
  ...Object.fromEntries(Object.entries(schemas).map(([name, body]) => [`schema ${name}`, body])),
  ...Object.fromEntries(
    Object.entries(EXPRESSIONS).map(([name, source]) => [`expression ${name}`, workflow({ with: { v: `= ${source}` } })]),
  ),
  ...Object.fromEntries(Object.entries(EXPRESSIONS).map(([name, source]) => [`condition ${name}`, workflow({ when: source })])),
  ...Object.fromEntries(Object.entries(requests).map(([name, body]) => [`request ${name}`, body])),
};
