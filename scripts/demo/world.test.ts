import assert from 'node:assert/strict';
import { test } from 'node:test';
import { act, type WorldCall } from './world.ts';
import { freshWorld, type World } from './world-state.ts';
import { tools } from './world-tools.ts';

const stay = { checkIn: '2027-10-01', checkOut: '2027-10-07' };
const booking = { hotelId: 'farol', ...stay, guests: 2, card: 'tok_ada' };

/** A world to which one call after the other is made. */
function world(state: World = freshWorld()) {
  const call = (tool: string, args: object, key?: string): Record<string, unknown> => {
    const outcome = act(state, { tool, arguments: args, key } satisfies WorldCall);
    state = outcome.state;
    return 'result' in outcome ? outcome.result : outcome.error;
  };
  return { state: () => state, call };
}

test('a search finds what is near and not too dear, whether or not there is a room', () => {
  const { hotels } = world().call('search_hotels', { place: 'lisbon', ...stay, maxPrice: 150 }) as { hotels: { id: string }[] };
  assert.deepEqual(
    hotels.map(({ id }) => id),
    ['quinta-das-gaivotas', 'vila-azul', 'farol', 'tejo', 'alfama-nove'],
  );
  assert.deepEqual(world().call('search_hotels', { place: 'Faro', ...stay, maxPrice: 150 }), { hotels: [] });
});

test('in early October the best one is gone, and there are three others', () => {
  const { call } = world();
  const { hotels } = call('search_hotels', { place: 'Lisbon', ...stay, maxPrice: 200 });
  const { ranked } = call('rank_hotels', { hotels, preferences: { quiet: true, beach: true } }) as { ranked: { id: string }[] };
  assert.equal(ranked[0]?.id, 'casa-do-mar');
  const check = (checkIn: string, checkOut: string) => call('check_availability', { hotelId: 'casa-do-mar', checkIn, checkOut });
  assert.deepEqual(check('2027-10-01', '2027-10-07'), { available: false, reason: 'the last room was sold an hour ago' });
  assert.deepEqual(check('2027-11-01', '2027-11-07'), { available: true });
  const { shortlist } = call('find_alternatives', { ranked, excluded: ['quinta-das-gaivotas'], ...stay }) as {
    shortlist: { id: string }[];
  };
  assert.deepEqual(
    shortlist.map(({ id }) => id),
    ['farol', 'estoril-sands', 'tejo'],
  );
});

test('an effect happens once for each key, however often it is asked for', () => {
  const { call, state } = world();
  const first = call('book_hotel', booking, 'R.tool.book-hotel');
  assert.deepEqual(first, { bookingId: 'HB-1', hotelId: 'farol', hotel: 'Farol Guest House', total: 660 });
  assert.deepEqual(call('book_hotel', booking, 'R.tool.book-hotel'), first);
  assert.deepEqual(Object.keys(state().bookings), ['HB-1']);
  const { calls, effects } = state().ledger['R.tool.book-hotel']!;
  assert.deepEqual({ calls, effects }, { calls: 2, effects: 1 });
  assert.equal(call('book_hotel', booking, 'S.tool.book-hotel')['bookingId'], 'HB-2');
});

test('a key does not serve for another call', () => {
  const { call, state } = world();
  call('book_hotel', booking, 'K');
  assert.equal(call('book_hotel', { ...booking, guests: 3 }, 'K')['code'], 'key-reused');
  assert.equal(Object.keys(state().bookings).length, 1);
});

test('everything that is booked can be taken back, and the journal has it in order', () => {
  const { call, state } = world();
  call('book_hotel', booking, 'a');
  call('book_transfer', { hotelId: 'farol', date: stay.checkIn, guests: 2 }, 'b');
  call('charge_card', { card: 'tok_ada', amount: 684, covers: ['HB-1', 'TR-2'] }, 'c');
  call('refund_payment', { paymentId: 'PM-3' }, 'd');
  call('cancel_transfer', { transferId: 'TR-2' }, 'e');
  call('cancel_hotel', { bookingId: 'HB-1' }, 'f');
  call('cancel_hotel', { bookingId: 'HB-1' }, 'f');
  assert.deepEqual(
    state().journal.map(({ what, id }) => `${what} ${id}`),
    [
      'hotel booked HB-1',
      'shuttle booked TR-2',
      'card charged PM-3',
      'payment refunded PM-3',
      'transfer cancelled TR-2',
      'hotel cancelled HB-1',
    ],
  );
  const { bookings, transfers, payments } = state();
  assert.deepEqual([bookings['HB-1']?.status, transfers['TR-2']?.status, payments['PM-3']?.status], ['cancelled', 'cancelled', 'refunded']);
});

test('what is refused leaves the world as it was', () => {
  const state = freshWorld();
  const refused: [string, object, string][] = [
    ['charge_card', { card: 'tok_declined', amount: 1, covers: [] }, 'card-declined'],
    ['book_transfer', { hotelId: 'farol', date: stay.checkIn, guests: 9 }, 'no-seats'],
    ['book_hotel', { ...booking, hotelId: 'casa-do-mar' }, 'no-room'],
    ['book_hotel', { ...booking, checkOut: stay.checkIn }, 'no-stay'],
    ['cancel_hotel', { bookingId: 'HB-9' }, 'no-such-thing'],
    ['book_hotel', { ...booking, guests: 'two' }, 'invalid-arguments'],
    ['book_flight', {}, 'no-such-tool'],
  ];
  for (const [tool, args, code] of refused) {
    const outcome = act(state, { tool, arguments: args, key: tool });
    assert.equal('error' in outcome && outcome.error.code, code);
    assert.equal(outcome.state, state);
  }
  assert.deepEqual(state, freshWorld());
});

test('a hotel is full when all its rooms are booked, until one is cancelled', () => {
  const { call, state } = world();
  for (let k = 0; k < state().hotels[3]!.rooms; k += 1) call('book_hotel', booking, `k${k}`);
  assert.equal(call('book_hotel', booking, 'more')['code'], 'no-room');
  call('cancel_hotel', { bookingId: 'HB-1' }, 'back');
  assert.equal(call('book_hotel', booking, 'more')['hotelId'], 'farol');
});

test('every result has the form that its tool declares', () => {
  const { call } = world();
  for (const [tool, args] of Object.entries({
    search_hotels: { place: 'Lisbon', ...stay, maxPrice: 500 },
    book_hotel: booking,
    book_taxi: { hotelId: 'farol', date: stay.checkIn, guests: 9 },
    cancel_transfer: { transferId: 'TR-2' },
  })) {
    assert.ok(tools[tool]?.output.strict().safeParse(call(tool, args, tool)).success, tool);
  }
});
