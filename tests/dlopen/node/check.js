// Esker from Node.js by koffi: the steps of tests/dlopen/steps.txt.
//   NODE_PATH=…/node_modules node check.js LIBRARY DIRECTORY
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const koffi = require('koffi');

const [OK, NOT_FOUND, INVALID_ARGUMENT, CLOSED, TOO_SMALL] = [0, 1, 2, 5, 15];
const [, , library, directory] = process.argv;
const path = `${directory}/db`;
const lib = koffi.load(library);

// One opaque type for each handle, so that koffi refuses an iterator where a database is wanted.
for (const name of ['db', 'cf', 'error', 'value', 'batch', 'snapshot', 'iter', 'names', 'options', 'read_options',
  'write_options', 'cf_options']) koffi.opaque(`esker_${name}`);
const ERROR = '_Out_ esker_error **error';
const declare = (prototype) => lib.func(prototype);
const esker = Object.fromEntries([
  'const char *esker_version()',
  'uint32_t esker_version_number()',
  'uint32_t esker_abi_version()',
  'const char *esker_status_name(int32_t status)',
  'int32_t esker_error_code(esker_error *error)',
  'const char *esker_error_message(esker_error *error)',
  'const char *esker_error_file(esker_error *error)',
  'void esker_error_free(esker_error *error)',
  'esker_options *esker_options_new()',
  `int32_t esker_options_set(esker_options *o, const char *name, const char *value, ${ERROR})`,
  'void esker_options_free(esker_options *o)',
  `int32_t esker_open(const char *path, esker_options *o, _Out_ esker_db **db, ${ERROR})`,
  `int32_t esker_close(esker_db *db, ${ERROR})`,
  `int32_t esker_put(esker_db *db, esker_cf *cf, const uint8_t *k, size_t kn, const uint8_t *v, size_t vn, esker_write_options *o, ${ERROR})`,
  `int32_t esker_get(esker_db *db, esker_cf *cf, const uint8_t *k, size_t kn, esker_read_options *o, _Out_ esker_value **value, ${ERROR})`,
  `int32_t esker_delete(esker_db *db, esker_cf *cf, const uint8_t *k, size_t kn, esker_write_options *o, ${ERROR})`,
  'void *esker_value_data(esker_value *value, _Out_ size_t *len)',
  'void esker_value_free(esker_value *value)',
  'esker_batch *esker_batch_new()',
  `int32_t esker_batch_put(esker_batch *b, esker_cf *cf, const uint8_t *k, size_t kn, const uint8_t *v, size_t vn, ${ERROR})`,
  `int32_t esker_batch_delete(esker_batch *b, esker_cf *cf, const uint8_t *k, size_t kn, ${ERROR})`,
  'size_t esker_batch_count(esker_batch *b)',
  'void esker_batch_free(esker_batch *b)',
  `int32_t esker_write(esker_db *db, esker_batch *b, esker_write_options *o, ${ERROR})`,
  `int32_t esker_snapshot_new(esker_db *db, _Out_ esker_snapshot **s, ${ERROR})`,
  'void esker_snapshot_free(esker_snapshot *s)',
  'esker_read_options *esker_read_options_new()',
  'int32_t esker_read_options_set_snapshot(esker_read_options *o, esker_snapshot *s)',
  'int32_t esker_read_options_set_prefix(esker_read_options *o, const uint8_t *p, size_t n)',
  'void esker_read_options_free(esker_read_options *o)',
  `int32_t esker_iter_new(esker_db *db, esker_cf *cf, esker_read_options *o, _Out_ esker_iter **iter, ${ERROR})`,
  'int32_t esker_iter_seek_to_first(esker_iter *iter)',
  'int32_t esker_iter_next(esker_iter *iter)',
  'uint8_t esker_iter_valid(esker_iter *iter)',
  'void *esker_iter_key(esker_iter *iter, _Out_ size_t *len)',
  'void *esker_iter_value(esker_iter *iter, _Out_ size_t *len)',
  `int32_t esker_iter_status(esker_iter *iter, ${ERROR})`,
  `int32_t esker_iter_next_many(esker_iter *iter, void *buf, size_t cap, size_t max, _Out_ size_t *bytes, _Out_ size_t *entries, ${ERROR})`,
  'void esker_iter_free(esker_iter *iter)',
  `int32_t esker_cf_create(esker_db *db, const char *name, esker_cf_options *o, _Out_ esker_cf **cf, ${ERROR})`,
  `int32_t esker_cf_open(esker_db *db, const char *name, _Out_ esker_cf **cf, ${ERROR})`,
  'const char *esker_cf_name(esker_cf *cf)',
  'void esker_cf_free(esker_cf *cf)',
  `int32_t esker_cf_list(esker_db *db, _Out_ esker_names **names, ${ERROR})`,
  'size_t esker_names_count(esker_names *names)',
  'const char *esker_names_at(esker_names *names, size_t at)',
  'void esker_names_free(esker_names *names)',
].map((prototype) => [/esker_(\w+)\(/.exec(prototype)[1], declare(prototype)]));

function must(status, failure) {
  if (status !== OK) throw new Error(failure ? esker.error_message(failure) : esker.status_name(status));
}

// Calls a function that makes something, and returns what it made.
function made(call, ...inputs) {
  const [out, failure] = [[null], [null]];
  must(call(...inputs, out, failure), failure[0]);
  return out[0];
}

// The bytes that a function lends, copied.
function lent(call, handle) {
  const length = [0];
  const data = call(handle, length);
  return Buffer.from(koffi.decode(data, 'uint8_t', Number(length[0])));
}

const bytes = (text) => Buffer.from(text, 'latin1');

function put(db, key, value, family = null) {
  must(esker.put(db, family, key, key.length, value, value.length, null, null));
}

function get(db, key, family = null, options = null) {
  const [value, failure] = [[null], [null]];
  const status = esker.get(db, family, key, key.length, options, value, failure);
  if (status === NOT_FOUND) {
    assert(value[0] === null && failure[0] === null); // an absent key is no error
    return null;
  }
  must(status, failure[0]);
  const found = lent(esker.value_data, value[0]);
  esker.value_free(value[0]);
  return found;
}

// Every character from U+0020 to U+07FF: the key is its code point, the value its UTF-8 and its number.
const TABLE = [];
for (let c = 0x20; c < 0x800; c++) {
  TABLE.push([Buffer.from(`U+${c.toString(16).toUpperCase().padStart(4, '0')}`), Buffer.from(`${String.fromCodePoint(c)}\t${c}`)]);
}

let db;
let children;
const steps = {
  version() {
    assert.equal(esker.abi_version(), 0);
    const [major, minor, patch] = esker.version().split('.').map(Number);
    assert.equal(esker.version_number(), 1000000 * major + 1000 * minor + patch);
  },
  options() {
    const [options, failure] = [esker.options_new(), [null]];
    assert.equal(esker.options_set(options, 'memory_budjet', '16MiB', failure), INVALID_ARGUMENT);
    assert.match(esker.error_message(failure[0]), /memory_budget/);
    esker.error_free(failure[0]);
    must(esker.options_set(options, 'memory_budget', '16MiB', null));
    db = made(esker.open, path, options);
    esker.options_free(options);
  },
  bytes() {
    put(db, bytes('a\0b'), bytes('\0x\0\xff'));
    put(db, bytes('empty'), bytes(''));
    assert.deepEqual(get(db, bytes('a\0b')), bytes('\0x\0\xff'));
    assert.equal(get(db, bytes('a')), null);
    assert.deepEqual(get(db, bytes('empty')), bytes(''));
    must(esker.delete(db, null, bytes('empty'), 5, null, null));
    assert.equal(get(db, bytes('empty')), null);
  },
  error() {
    const file = `${directory}/a file`;
    fs.writeFileSync(file, 'not a directory');
    const [none, failure] = [[null], [null]];
    const status = esker.open(file, null, none, failure);
    assert(status === INVALID_ARGUMENT && none[0] === null);
    assert.equal(esker.error_code(failure[0]), status);
    assert.equal(esker.status_name(status), 'INVALID_ARGUMENT');
    assert.match(esker.error_message(failure[0]), /a file/);
    assert.match(esker.error_file(failure[0]), /a file/);
    esker.error_free(failure[0]);
  },
  batch() {
    put(db, bytes('batch/old'), bytes('1'));
    const batch = esker.batch_new();
    must(esker.batch_put(batch, null, bytes('batch/a'), 7, bytes('A\0'), 2, null));
    must(esker.batch_put(batch, null, bytes('batch/b'), 7, bytes('B'), 1, null));
    must(esker.batch_delete(batch, null, bytes('batch/old'), 9, null));
    assert.equal(Number(esker.batch_count(batch)), 3);
    for (let i = 0; i < 2; i++) must(esker.write(db, batch, null, null)); // a batch can be written again
    esker.batch_free(batch);
    assert.deepEqual(get(db, bytes('batch/a')), bytes('A\0'));
    assert.deepEqual(get(db, bytes('batch/b')), bytes('B'));
    assert.equal(get(db, bytes('batch/old')), null);
  },
  unicode() {
    const batch = esker.batch_new();
    for (const [key, value] of TABLE) must(esker.batch_put(batch, null, key, key.length, value, value.length, null));
    must(esker.write(db, batch, null, null));
    esker.batch_free(batch);
    for (const [key, value] of TABLE) assert(get(db, key).equals(value));
  },
  chunks() {
    const options = esker.read_options_new();
    must(esker.read_options_set_prefix(options, bytes('U+'), 2));
    const iter = made(esker.iter_new, db, null, options);
    esker.read_options_free(options);
    must(esker.iter_seek_to_first(iter));
    const [buffer, size, count] = [Buffer.alloc(1000), [0], [0]];
    assert.equal(esker.iter_next_many(iter, buffer, 4, 100, size, count, null), TOO_SMALL);
    assert(Number(size[0]) === 8 + 6 + 4 && Number(count[0]) === 0);
    const found = [];
    let calls = 0;
    for (;;) {
      must(esker.iter_next_many(iter, buffer, buffer.length, 100, size, count, null));
      if (Number(count[0]) === 0) break;
      calls++;
      let at = 0;
      for (let i = 0; i < Number(count[0]); i++) {
        const [key, value] = [buffer.readUInt32LE(at), buffer.readUInt32LE(at + 4)];
        const start = at + 8;
        at = start + key + value;
        found.push([Buffer.from(buffer.subarray(start, start + key)), Buffer.from(buffer.subarray(start + key, at))]);
      }
      assert.equal(at, Number(size[0]));
    }
    assert.deepEqual(found, TABLE);
    assert(calls > 20);
    esker.iter_free(iter);
  },
  snapshot() {
    put(db, bytes('snap/1'), bytes('before'));
    const snapshot = made(esker.snapshot_new, db);
    put(db, bytes('snap/1'), bytes('after'));
    put(db, bytes('snap/2'), bytes('after'));
    const options = esker.read_options_new();
    must(esker.read_options_set_snapshot(options, snapshot));
    must(esker.read_options_set_prefix(options, bytes('snap/'), 5));
    assert.deepEqual(get(db, bytes('snap/1'), null, options), bytes('before'));
    assert.deepEqual(get(db, bytes('snap/1')), bytes('after'));
    const iter = made(esker.iter_new, db, null, options);
    must(esker.iter_seek_to_first(iter));
    assert.deepEqual(lent(esker.iter_key, iter), bytes('snap/1'));
    assert.deepEqual(lent(esker.iter_value, iter), bytes('before'));
    must(esker.iter_next(iter));
    assert.equal(esker.iter_valid(iter), 0);
    esker.iter_free(iter);
    esker.read_options_free(options);
    esker.snapshot_free(snapshot);
  },
  family() {
    const notes = made(esker.cf_create, db, 'notes', null);
    put(db, bytes('note'), bytes('in notes'), notes);
    assert.deepEqual(get(db, bytes('note'), notes), bytes('in notes'));
    assert(get(db, bytes('note')) === null && get(db, bytes('a\0b'), notes) === null);
    const names = made(esker.cf_list, db);
    assert.equal(Number(esker.names_count(names)), 2);
    assert(esker.names_at(names, 0) === 'default' && esker.names_at(names, 1) === 'notes');
    esker.names_free(names);
    const again = made(esker.cf_open, db, 'notes');
    assert.equal(esker.cf_name(again), 'notes');
    assert.deepEqual(get(db, bytes('note'), again), bytes('in notes'));
    esker.cf_free(again);
    esker.cf_free(notes);
  },
  closing() {
    const snapshot = made(esker.snapshot_new, db);
    const iter = made(esker.iter_new, db, null, null);
    must(esker.iter_seek_to_first(iter));
    const value = made(esker.get, db, null, bytes('a\0b'), 3, null);
    const notes = made(esker.cf_open, db, 'notes');
    must(esker.close(db, null));
    const [failure, none] = [[null], [null]];
    assert.equal(esker.put(db, notes, bytes('k'), 1, bytes('v'), 1, null, failure), CLOSED);
    assert(esker.error_code(failure[0]) === CLOSED && esker.error_message(failure[0]).length > 0);
    esker.error_free(failure[0]);
    assert.equal(esker.get(db, null, bytes('k'), 1, null, none, null), CLOSED);
    assert.equal(none[0], null);
    assert(esker.iter_next(iter) === CLOSED && esker.iter_status(iter, null) === CLOSED);
    assert.equal(esker.snapshot_new(db, [null], null), CLOSED);
    assert.equal(esker.close(db, null), CLOSED);
    assert.deepEqual(lent(esker.value_data, value), bytes('\0x\0\xff'));
    children = { snapshot, iter, value, notes };
  },
  reopen() {
    const again = made(esker.open, path, null);
    const [key, value] = TABLE.at(-1);
    assert.deepEqual(get(again, bytes('a\0b')), bytes('\0x\0\xff'));
    assert.deepEqual(get(again, key), value);
    const notes = made(esker.cf_open, again, 'notes');
    assert.deepEqual(get(again, bytes('note'), notes), bytes('in notes'));
    esker.cf_free(notes);
    esker.value_free(children.value);
    esker.cf_free(children.notes);
    esker.iter_free(children.iter);
    esker.snapshot_free(children.snapshot);
    must(esker.close(again, null));
  },
};

for (const [name, step] of Object.entries(steps)) {
  step();
  console.log(name);
}
