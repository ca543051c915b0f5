/** Ways in which code ends the process that it runs in. None of them can be caught. */
export const deaths = {
  'loops for ever': () => {
    for (;;);
  },
  'fills lists': () => {
    const list: object[] = [];
    for (;;) list.push({ list: [1.5, list] });
  },
  'fills buffers': () => {
    const list: Buffer[] = [];
    for (;;) list.push(Buffer.alloc(2 ** 24, 1));
  },
  exits: () => process.exit(0),
  crashes: () => process.kill(process.pid, 'SIGSEGV'),
} as const satisfies { readonly [way: string]: () => unknown };

export type Way = keyof typeof deaths;

/** Dies in this way, if it is one. */
export function die(way: unknown): unknown {
  return typeof way === 'string' && Object.hasOwn(deaths, way) ? deaths[way as Way]() : undefined;
}
