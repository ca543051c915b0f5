import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkAgainst } from '@reel/contracts/schema.ts';
import { document } from './fixtures/tickets.ts';
import { type ApiOperation, readOpenApi } from './openapi.ts';

const read = (given: object = document) => readOpenApi(given, 'Idempotency-Key');
const of = (name: string, given: object = document): ApiOperation => {
  const { operations, refused } = read(given);
  return operations.find((one) => one.name === name) ?? assert.fail(`there is no ${name}: ${JSON.stringify(refused)}`);
};
/** A document of one operation, `GET /a` unless `path` says otherwise. */
const one = (operation: object, more: object = {}, path = '/a') => ({
  openapi: '3.1.0',
  info: { title: 'One' },
  paths: { [path]: { get: { operationId: 'one', ...operation } } },
  ...more,
});

test('every operation becomes a tool, named for its id or else for its method and path', () => {
  const names = 'listTickets, createTicket, getTicket, put_tickets_id, deleteTicket, sendMail, old, oldPost, text, both, upload';
  assert.deepEqual(
    read().operations.map(({ name }) => name),
    names.split(', '),
  );
  assert.equal(of('createTicket').description, 'Opens a ticket.\n\nPOST /tickets of Tickets');
});

test('what repeating it does is told by its method, its parameters or its own word', () => {
  const effects = Object.fromEntries(read().operations.map(({ name, effect }) => [name, effect]));
  const { listTickets, createTicket, put_tickets_id: put, deleteTicket, sendMail } = effects;
  assert.deepEqual(
    [listTickets, createTicket, put, deleteTicket, sendMail],
    ['read-only', 'idempotent', 'idempotent', 'idempotent', 'once'],
  );
  assert.equal(of('one', one({ 'x-reel-effect': 'once' })).effect, 'once');
  assert.deepEqual(of('createTicket').compensation, { uses: 'deleteTicket', with: { id: '= result.id' } });
});

test('parameters are taken by name, the body under body, and the idempotency key is nobody’s to say', () => {
  const { input } = of('put_tickets_id');
  assert.deepEqual(input['required'], ['id']);
  assert.equal(checkAgainst(input, { id: 'T1', body: { title: 'x', due: null } }), undefined);
  assert.match(checkAgainst(input, { id: 'T1', ID: 1 }) ?? '', /must not have the property "ID"/);
  assert.deepEqual(Object.keys(of('createTicket').input['properties'] as object), ['body']);
});

test('schemas stand alone: references come along, circles too, and 3.0 is translated', () => {
  const { input, output } = of('createTicket');
  assert.equal(checkAgainst(input, { body: { title: 'x', parts: [{ title: 'y' }] } }), undefined, 'readOnly is not asked for');
  assert.match(checkAgainst(input, { body: { title: 'x', parts: [{}] } }) ?? '', /parts\/0: must have the property "title"/);
  assert.match(checkAgainst(input, { body: { title: 'x', weight: 0 } }) ?? '', /weight: must be > 0/);
  assert.match(checkAgainst(output!, { title: 'x' }) ?? '', /must have the property "id"/);
  assert.doesNotMatch(JSON.stringify(input), /example|nullable|#\/components/);
});

test('what is nullable in 3.0 may be null, with an enum, or by way of allOf', () => {
  const schemas = {
    E: { type: 'string', enum: ['a'], nullable: true },
    A: { nullable: true, allOf: [{ $ref: '#/components/schemas/B' }] },
    B: { type: 'string' },
  };
  const responses = { 200: { content: { 'application/json': { schema: { type: 'array', items: { anyOf: [schemas.E, schemas.A] } } } } } };
  const { output } = of('one', one({ responses }, { openapi: '3.0.0', components: { schemas } }));
  assert.equal(checkAgainst(output!, ['a', null, 'b']), undefined);
  assert.match(checkAgainst(output!, [1]) ?? '', /must be string/);
});

test('the output is what all good answers are, and unknown when one of them does not say', () => {
  const { output } = of('put_tickets_id');
  assert.equal(checkAgainst(output!, null), undefined);
  assert.equal(checkAgainst(output!, { id: 'T1', title: 'x' }), undefined);
  assert.notEqual(checkAgainst(output!, 'x'), undefined);
  assert.equal(of('text').output, undefined);
  assert.deepEqual(of('deleteTicket').output, { type: 'null' });
  // Nothing is promised of what is not described.
  for (const status of ['200', '201', '202', '2XX']) assert.equal(of('one', one({ responses: { [status]: {} } })).output, undefined);
});

test('two parameters of one name, and one that is called body, are told apart', () => {
  const text = { schema: { type: 'string' } };
  const parameters = ['path', 'query', 'header'].map((place) => ({ name: 'id', in: place, ...text }));
  const { input } = of('one', one({ parameters: [...parameters, { name: 'body', in: 'query', ...text }] }, {}, '/a/{id}'));
  assert.deepEqual(Object.keys(input['properties'] as object), ['id', 'query_id', 'header_id', 'query_body']);
  assert.deepEqual(input['required'], ['id']);
});

test('an operation that cannot be called is refused, with the place and the reason, and the others are offered', () => {
  for (const required of [true, false]) {
    const post = { operationId: 'one', requestBody: { content: { 'multipart/mixed': {} }, required } };
    const { refused, operations } = read(one({}, { paths: { '/a': { post, get: { operationId: 'two' } } } }));
    const why = 'it takes a body that cannot be sent: multipart/mixed: it is not known how that is sent';
    assert.deepEqual(refused, [{ spot: 'POST /a', why: `paths./a.post.requestBody.content: ${why}` }]);
    assert.deepEqual(
      operations.map(({ name }) => name),
      ['two'],
    );
  }
});

const refusals: Record<string, [operation: object, why: RegExp, path?: string]> = {
  'a parameter of the path that is not declared': [{}, /paths\.\/a\/\{id\}\.get\.parameters: there is none for \{id\}/, '/a/{id}'],
  'a parameter at no place that is known': [
    { parameters: [{ name: 'x', in: 'body' }] },
    /paths\.\/a\.get\.parameters\.0\.in: .*"path".*, is "body"/,
  ],
  'a style that is not spoken': [
    { parameters: [{ name: 'x', in: 'query', style: 'matrix', schema: {} }] },
    /the style "matrix" .* none of form/,
  ],
  'a cookie that is needed': [{ parameters: [{ name: 'sid', in: 'cookie', required: true, schema: {} }] }, /needs the cookie "sid"/],
  'a reference that leads nowhere': [
    { parameters: [{ $ref: '#/components/parameters/No' }] },
    /\$ref "#\/components\/parameters\/No": there is nothing/,
  ],
  'a body of a GET, required or not': [
    { requestBody: { content: { 'application/json': {} } } },
    /paths\.\/a\.get\.requestBody: a body is not sent with GET/,
  ],
  'an effect that is none': [{ 'x-reel-effect': 'pure' }, /x-reel-effect: .*read-only.*, is "pure"/],
};
for (const [what, [operation, why, path]] of Object.entries(refusals)) {
  test(`${what} refuses the operation`, () => {
    const { operations, refused } = read(one(operation, {}, path));
    assert.equal(operations.length, 0);
    assert.match(refused[0]?.why ?? '', why);
  });
}

const none: Record<string, [document: object, message: RegExp]> = {
  'Swagger 2': [{ swagger: '2.0', info: { title: 'x' }, paths: {} }, /^openapi: .*, is missing/],
  'a later version': [one({}, { openapi: '4.0.0' }), /openapi: expected an OpenAPI document of version 3\.0 or 3\.1, is "4\.0\.0"/],
  'one without a title': [{ openapi: '3.1.0', info: {} }, /info\.title: .*string.*, is missing/],
  'no object': [[] as object, /the document: .*, is \[\]/],
};
for (const [what, [given, message]] of Object.entries(none)) {
  test(`${what} is no document that is understood, and the error says why`, () => {
    assert.throws(() => read(given), { message });
  });
}
