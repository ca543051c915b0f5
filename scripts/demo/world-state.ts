/** What the demo's world is made of, and what can be told of it: rooms, nights, numbers. */
import { type Hotel, hotels } from './hotels.ts';

/** All of the world, as its file has it. Amounts are whole euros. */
export type World = {
  hotels: Hotel[];
  bookings: { [id: string]: { status: string; hotelId: string; checkIn: string; checkOut: string; guests: number; total: number } };
  transfers: { [id: string]: { status: string; by: string; to: string; date: string; guests: number; total: number } };
  payments: { [id: string]: { status: string; card: string; amount: number; covers: string[] } };
  /** Every effect, in the order in which it happened. */
  journal: { what: string; id: string }[];
  /** What was done under each idempotency key: how often it was asked for, and how often it took effect. */
  ledger: { [key: string]: { tool: string; arguments: unknown; calls: number; effects: number; result: Record<string, unknown> } };
};

/** Why the world does not do what it is asked; trying again does not help. */
export class Refusal extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export const freshWorld = (): World => ({ hotels: hotels(), bookings: {}, transfers: {}, payments: {}, journal: [], ledger: {} });

/** The number of the next thing that is booked, noted in the journal. */
export function nextId(world: World, letters: string, what: string): string {
  const id = `${letters}-${world.journal.length + 1}`;
  world.journal.push({ what, id });
  return id;
}

/** @throws Refusal when the stay does not end after it begins. */
export function nightsOf(checkIn: string, checkOut: string): number {
  const nights = (Date.parse(checkOut) - Date.parse(checkIn)) / 86_400_000;
  if (nights < 1) throw new Refusal('no-stay', `a stay from ${checkIn} to ${checkOut} has no night`);
  return nights;
}

/** Why a hotel has no room for a stay, or undefined when it has one. @throws Refusal when there is no such hotel or stay. */
export function roomLack(world: World, hotelId: string, checkIn: string, checkOut: string): string | undefined {
  nightsOf(checkIn, checkOut);
  const hotel = world.hotels.find(({ id }) => id === hotelId);
  if (hotel === undefined) throw new Refusal('no-such-hotel', `there is no hotel "${hotelId}"`);
  const taken = hotel.taken.find(({ from, to }) => from < checkOut && checkIn <= to);
  if (taken !== undefined) return taken.why;
  const booked = Object.values(world.bookings).filter(
    (booking) => booking.status === 'confirmed' && booking.hotelId === hotelId && booking.checkIn < checkOut && checkIn < booking.checkOut,
  );
  return booked.length < hotel.rooms ? undefined : 'all rooms are booked';
}

export const hasRoom = (world: World, hotelId: string, checkIn: string, checkOut: string): boolean =>
  roomLack(world, hotelId, checkIn, checkOut) === undefined;
