/**
 * What goes wrong in the simulator, and when. Every moment at which something can go wrong has a name, and chance is asked by that name:
 * to leave out one fault changes none of the others, so that a script of a few faults can be cut out of a run that had hundreds.
 */
import { randomFor } from './random.ts';

/** The faults that there are: the moments at which each can happen, and the least and the most of it where it has a measure. */
const KINDS = {
  /** The delivery, or the ring, takes so many ms longer: that is how deliveries come in any order. */
  late: { at: ['hears', 'rings'], least: 1, most: 64 },
  /** It is on its way for so long that it may be sent again meanwhile. */
  delayed: { at: ['hears', 'rings'], least: 500, most: 10_000 },
  /** It is sent a second time after so many ms, most likely to another replica. */
  twice: { at: ['hears', 'rings'], least: 1, most: 100_000 },
  /** The clock does not ring: the next sweep has to find out. */
  lost: { at: ['rings'] },
  /** The acknowledgement does not arrive: the delivery is due again. */
  unacknowledged: { at: ['acks'] },
  /** The broker forgets, after so many ms, that it was acknowledged and how often it was sent: it comes as if for the first time. */
  forgotten: { at: ['acks'], least: 1, most: 600_000 },
  /** The process takes so many ms longer. */
  slow: { at: ['reads', 'looks', 'says', 'sets', 'performs'], least: 1, most: 64 },
  /** The process stands still for so many ms and then goes on as if nothing had been: its run may be over long since. */
  freezes: { at: ['reads', 'looks', 'says', 'sets', 'performs'], least: 1000, most: 7_200_000 },
  /** The process dies before it is done. */
  dies: { at: ['reads', 'looks', 'says', 'sets', 'performs'] },
  /** The process dies when it is done, before it knows. */
  'dies-after': { at: ['says', 'sets', 'performs'] },
  /** It is stored, and the writer gets an unknown outcome. */
  unsure: { at: ['says', 'sets'] },
  /** It is not stored, and the writer gets an unknown outcome. */
  unstored: { at: ['says', 'sets'] },
  /** The read is so many facts behind, though never behind the fact that was delivered. */
  behind: { at: ['reads'], least: 1, most: 30 },
  /** The log cannot be reached, and nothing is read. */
  unreached: { at: ['reads', 'looks'] },
  /** Somebody fills the slot with rubbish before. */
  rubbish: { at: ['says'] },
  /** The system that is called does not answer: before it acts, or after it has acted. */
  hangs: { at: ['performs'] },
  'hangs-after': { at: ['performs'] },
  /** The line goes dead when it is done. */
  'breaks-after': { at: ['performs'] },
} as const satisfies { readonly [name: string]: { readonly at: readonly Moment[]; readonly least?: number; readonly most?: number } };

/** `performs`: a performer calls what it calls; `looks`: it reads one slot; `sets`: it sets the clock; the others as they say. */
export type Moment = 'hears' | 'rings' | 'acks' | 'reads' | 'looks' | 'says' | 'sets' | 'performs';
export type FaultName = keyof typeof KINDS;
export type Fault = { readonly what: FaultName; readonly amount: number };

/** How probable each fault is at each moment at which it can happen. At one moment there is at most one. */
export type Faults = { readonly [name in FaultName]: number };

const NONE = Object.fromEntries(Object.keys(KINDS).map((name) => [name, 0])) as { [name in FaultName]: number };

export const CALM: Faults = NONE;

/** Faults of the bus and the machines. Work that may be repeated survives them, so a run without races ends as it does without faults. */
export const MALICE: Faults = {
  ...NONE,
  late: 0.3,
  delayed: 0.01,
  twice: 0.06,
  lost: 0.05,
  unacknowledged: 0.02,
  forgotten: 0.02,
  slow: 0.2,
  freezes: 0.004,
  dies: 0.01,
  'dies-after': 0.01,
  unsure: 0.01,
  unstored: 0.01,
  behind: 0.3,
  unreached: 0.01,
};

/** And what is called fails in the ways that leave everybody in doubt. */
export const TROUBLE: Faults = { ...MALICE, hangs: 0.02, 'hangs-after': 0.02, 'breaks-after': 0.03 };

export type Chooser = {
  /** The fault at this moment of this service, if there is one. `what`: the address, or what else it is about. */
  at(moment: Moment, who: string, what: string): Fault | undefined;
  /** Every fault that there was, as a line: together they are a script, which `byScript` plays again. */
  readonly script: readonly string[];
};

type Choose = (name: string, moment: Moment) => Fault | undefined;

function chooser(choose: Choose): Chooser {
  const script: string[] = [];
  const times = new Map<string, number>();
  return {
    script,
    at: (moment, who, what) => {
      const plain = `${who} ${moment} ${what}`;
      const time = (times.get(plain) ?? 0) + 1;
      times.set(plain, time);
      const name = time === 1 ? plain : `${plain} #${time}`;
      const fault = choose(name, moment);
      if (fault !== undefined) script.push(`${name}: ${fault.what}${fault.amount > 0 ? ` ${fault.amount}` : ''}`);
      return fault;
    },
  };
}

/** Faults by lot, the same for the same seed. */
export function byLot(seed: number, faults: Faults): Chooser {
  const lots = new Map<Moment, { what: FaultName; probability: number; least: number; most: number }[]>();
  for (const [name, kind] of Object.entries(KINDS)) {
    const { at, least = 0, most = 0 } = kind as { at: readonly Moment[]; least?: number; most?: number };
    const what = name as FaultName;
    if (faults[what] > 0)
      for (const moment of at) lots.set(moment, [...(lots.get(moment) ?? []), { what, probability: faults[what], least, most }]);
  }
  return chooser((name, moment) => {
    const chance = randomFor(seed, name);
    let luck = chance.next();
    for (const { what, probability, least, most } of lots.get(moment) ?? []) {
      // Small amounts are as likely as large ones: every order of magnitude has its share.
      if (luck < probability) return { what, amount: most === 0 ? 0 : Math.floor(least * (most / least) ** chance.next()) };
      luck -= probability;
    }
    return undefined;
  });
}

/** These faults and no others. @throws when a line is not one of a script's. */
export function byScript(lines: readonly string[]): Chooser {
  const faults = new Map(lines.map(readLine));
  return chooser((name) => faults.get(name));
}

function readLine(line: string): [name: string, fault: Fault] {
  const [, name, moment, what = '', amount] = /^(\S+ (\S+) .+): ([a-z-]+)(?: ([1-9]\d*))?$/.exec(line.trim()) ?? [];
  if (name === undefined || !isFault(what))
    throw new Error(
      `"${line}" is no fault: expected "<service> <moment> <address>: <fault> [amount]", one of ${Object.keys(KINDS).join(', ')}`,
    );
  const { at, most } = KINDS[what] as { at: readonly string[]; most?: number };
  if (!at.includes(moment as string))
    throw new Error(`"${line}" is no fault: "${what}" can happen at the moment ${at.join(' or ')}, and not at ${moment}`);
  if ((amount === undefined) === (most !== undefined))
    throw new Error(`"${line}" is no fault: "${what}" takes ${most === undefined ? 'no amount' : 'an amount, a whole number from 1 on'}`);
  return [name, { what, amount: Number(amount ?? 0) }];
}

const isFault = (what: string): what is FaultName => Object.hasOwn(KINDS, what);
