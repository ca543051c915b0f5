/** What can be done in the demo's world: each tool with its schemas, what calling it twice does, and what undoes it. */
import type { Compensation, Effect } from '@reel/contracts/tool.ts';
import { z } from 'zod';
import { hasRoom, nextId, nightsOf, Refusal, roomLack, type World } from './world-state.ts';

type WorldTool = {
  readonly description: string;
  readonly effect: Effect;
  readonly input: z.ZodObject;
  readonly output: z.ZodObject;
  readonly compensation?: Compensation;
  /** Changes the world that it is given. @throws Refusal */
  readonly run: (world: World, args: never) => Record<string, unknown>;
};

/** Declares a tool, its arguments typed by its schema. */
const tool = <Input extends z.ZodObject>(
  described: Omit<WorldTool, 'run' | 'input'> & { input: Input; run: (world: World, args: z.output<Input>) => Record<string, unknown> },
): WorldTool => described;

const stay = { checkIn: z.iso.date(), checkOut: z.iso.date() };
const guests = z.int().min(1).max(20);
const Found = z.object({
  id: z.string(),
  name: z.string(),
  town: z.string(),
  pricePerNight: z.int(),
  noise: z.int(),
  beachMetres: z.int(),
});
const Ranked = Found.extend({ score: z.int() });
const Ride = { transferId: z.string(), by: z.string(), to: z.string(), total: z.int() };
const undoneBy = (uses: string, id: string): Compensation => ({ uses, with: { [id]: `= result.${id}` } });

const SHUTTLE_SEATS = 8;

export const tools: { readonly [name: string]: WorldTool } = {
  search_hotels: tool({
    description: 'Finds hotels near a place, up to a price a night in whole euros. It does not know whether there is a room.',
    effect: 'read-only',
    input: z.object({ place: z.string(), ...stay, maxPrice: z.int().positive() }),
    output: z.object({ hotels: z.array(Found) }),
    run: (world, { place, checkIn, checkOut, maxPrice }) => {
      nightsOf(checkIn, checkOut);
      const near = world.hotels.filter((hotel) => [hotel.near, hotel.town].some((name) => name.toLowerCase() === place.toLowerCase()));
      return { hotels: near.filter((hotel) => hotel.pricePerNight <= maxPrice).map((hotel) => Found.parse(hotel)) };
    },
  }),
  rank_hotels: tool({
    description: 'Orders hotels by how well they suit, the best one first.',
    effect: 'read-only',
    input: z.object({
      hotels: z.array(Found),
      preferences: z.object({ quiet: z.boolean().default(false), beach: z.boolean().default(false) }),
    }),
    output: z.object({ ranked: z.array(Ranked) }),
    run: (_, { hotels, preferences: { quiet, beach } }) => {
      const score = ({ noise, beachMetres, pricePerNight }: z.output<typeof Found>): number =>
        Math.round(100 - (quiet ? noise * 8 : 0) - (beach ? beachMetres / 50 : 0) - pricePerNight / 10);
      return { ranked: hotels.map((hotel) => ({ ...hotel, score: score(hotel) })).sort((a, b) => b.score - a.score) };
    },
  }),
  check_availability: tool({
    description: 'Tells whether a hotel has a room for a stay, and why not.',
    effect: 'read-only',
    input: z.object({ hotelId: z.string(), ...stay }),
    output: z.object({ available: z.boolean(), reason: z.string().optional() }),
    run: (world, { hotelId, checkIn, checkOut }) => {
      const reason = roomLack(world, hotelId, checkIn, checkOut);
      return reason === undefined ? { available: true } : { available: false, reason };
    },
  }),
  find_alternatives: tool({
    description: 'The best three of a ranked list that have a room, without those that are excluded.',
    effect: 'read-only',
    input: z.object({ ranked: z.array(Ranked), excluded: z.array(z.string()), ...stay }),
    output: z.object({ shortlist: z.array(Ranked).max(3) }),
    run: (world, { ranked, excluded, checkIn, checkOut }) => ({
      shortlist: ranked.filter(({ id }) => !excluded.includes(id) && hasRoom(world, id, checkIn, checkOut)).slice(0, 3),
    }),
  }),
  book_hotel: tool({
    description: 'Books a room; the card guarantees it and is not charged.',
    effect: 'idempotent',
    input: z.object({ hotelId: z.string(), ...stay, guests, card: z.string() }),
    output: z.object({ bookingId: z.string(), hotelId: z.string(), hotel: z.string(), total: z.int() }),
    compensation: undoneBy('cancel_hotel', 'bookingId'),
    run: (world, { hotelId, checkIn, checkOut, guests }) => {
      const lack = roomLack(world, hotelId, checkIn, checkOut);
      if (lack !== undefined) throw new Refusal('no-room', `${hotelId} has no room from ${checkIn} to ${checkOut}: ${lack}`);
      const hotel = world.hotels.find(({ id }) => id === hotelId)!;
      const bookingId = nextId(world, 'HB', 'hotel booked');
      const total = nightsOf(checkIn, checkOut) * hotel.pricePerNight;
      world.bookings[bookingId] = { status: 'confirmed', hotelId, checkIn, checkOut, guests, total };
      return { bookingId, hotelId, hotel: hotel.name, total };
    },
  }),
  cancel_hotel: tool({
    description: 'Cancels the booking of a room.',
    effect: 'idempotent',
    input: z.object({ bookingId: z.string() }),
    output: z.object({ bookingId: z.string(), status: z.string() }),
    run: (world, { bookingId }) => ({ bookingId, ...takeBack(world, world.bookings, bookingId, 'cancelled', 'hotel cancelled') }),
  }),
  book_transfer: tool({
    description: `Books seats in the airport shuttle, which has ${SHUTTLE_SEATS}.`,
    effect: 'idempotent',
    input: z.object({ hotelId: z.string(), date: z.iso.date(), guests }),
    output: z.object(Ride),
    compensation: undoneBy('cancel_transfer', 'transferId'),
    run: (world, args) => {
      if (args.guests <= SHUTTLE_SEATS) return ride(world, 'shuttle', args, 12 * args.guests);
      throw new Refusal('no-seats', `the shuttle has ${SHUTTLE_SEATS} seats, and ${args.guests} were asked for`);
    },
  }),
  book_taxi: tool({
    description: 'Books taxis from the airport, one for every four guests.',
    effect: 'idempotent',
    input: z.object({ hotelId: z.string(), date: z.iso.date(), guests }),
    output: z.object(Ride),
    run: (world, args) => ride(world, 'taxi', args, 55 * Math.ceil(args.guests / 4)),
  }),
  cancel_transfer: tool({
    description: 'Cancels a shuttle or a taxi.',
    effect: 'idempotent',
    input: z.object({ transferId: z.string() }),
    output: z.object({ transferId: z.string(), status: z.string() }),
    run: (world, { transferId }) => ({ transferId, ...takeBack(world, world.transfers, transferId, 'cancelled', 'transfer cancelled') }),
  }),
  charge_card: tool({
    description: 'Charges a card, in whole euros. The card tok_declined is always declined.',
    effect: 'idempotent',
    input: z.object({ card: z.string(), amount: z.int().positive(), covers: z.array(z.string()) }),
    output: z.object({ paymentId: z.string(), amount: z.int() }),
    compensation: undoneBy('refund_payment', 'paymentId'),
    run: (world, { card, amount, covers }) => {
      if (card === 'tok_declined') throw new Refusal('card-declined', `the card ${card} was declined`);
      const paymentId = nextId(world, 'PM', 'card charged');
      world.payments[paymentId] = { status: 'paid', card, amount, covers };
      return { paymentId, amount };
    },
  }),
  refund_payment: tool({
    description: 'Gives the money of a payment back.',
    effect: 'idempotent',
    input: z.object({ paymentId: z.string() }),
    output: z.object({ paymentId: z.string(), status: z.string() }),
    run: (world, { paymentId }) => ({ paymentId, ...takeBack(world, world.payments, paymentId, 'refunded', 'payment refunded') }),
  }),
};

type Trip = { hotelId: string; date: string; guests: number };

function ride(world: World, by: string, { hotelId, date, guests }: Trip, total: number): Record<string, unknown> {
  const hotel = world.hotels.find(({ id }) => id === hotelId);
  if (hotel === undefined) throw new Refusal('no-such-hotel', `there is no hotel "${hotelId}"`);
  const transferId = nextId(world, 'TR', `${by} booked`);
  world.transfers[transferId] = { status: 'confirmed', by, to: hotel.town, date, guests, total };
  return { transferId, by, to: hotel.town, total };
}

function takeBack(
  world: World,
  things: { [id: string]: { status: string } },
  id: string,
  status: string,
  what: string,
): { status: string } {
  const thing = things[id];
  if (thing === undefined) throw new Refusal('no-such-thing', `there is no "${id}"; there are ${Object.keys(things).join(', ') || 'none'}`);
  if (thing.status !== status) world.journal.push({ what, id });
  thing.status = status;
  return { status };
}
