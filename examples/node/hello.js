// Esker from Node.js: the shared library by koffi (npm install koffi).   node hello.js DIRECTORY
'use strict';
const koffi = require('koffi');
const lib = koffi.load('libesker.so.0');

koffi.opaque('esker_db');
koffi.opaque('esker_value');
koffi.opaque('esker_iter');
koffi.opaque('esker_error');
const E = '_Out_ esker_error **error';
const open = lib.func(`int32_t esker_open(const char *path, void *options, _Out_ esker_db **db, ${E})`);
const close = lib.func(`int32_t esker_close(esker_db *db, ${E})`);
const put = lib.func(`int32_t esker_put(esker_db *db, void *cf, const uint8_t *key, size_t keyLen, const uint8_t *value, size_t valueLen, void *options, ${E})`);
const get = lib.func(`int32_t esker_get(esker_db *db, void *cf, const uint8_t *key, size_t keyLen, void *options, _Out_ esker_value **value, ${E})`);
const valueData = lib.func('void *esker_value_data(esker_value *value, _Out_ size_t *len)');
const valueFree = lib.func('void esker_value_free(esker_value *value)');
const iterNew = lib.func(`int32_t esker_iter_new(esker_db *db, void *cf, void *options, _Out_ esker_iter **iter, ${E})`);
const iterFirst = lib.func('int32_t esker_iter_seek_to_first(esker_iter *iter)');
const iterNext = lib.func('int32_t esker_iter_next(esker_iter *iter)');
const iterValid = lib.func('uint8_t esker_iter_valid(esker_iter *iter)');
const iterKey = lib.func('void *esker_iter_key(esker_iter *iter, _Out_ size_t *len)');
const iterValue = lib.func('void *esker_iter_value(esker_iter *iter, _Out_ size_t *len)');
const iterStatus = lib.func(`int32_t esker_iter_status(esker_iter *iter, ${E})`);
const iterFree = lib.func('void esker_iter_free(esker_iter *iter)');
const errorMessage = lib.func('const char *esker_error_message(esker_error *error)');
const errorFree = lib.func('void esker_error_free(esker_error *error)');
const NOT_FOUND = 1;

// Calls with a place for the error, and turns a failure into an exception with Esker's own message.
function must(call, ...parameters) {
  const error = [null];
  const status = call(...parameters, error);
  if (status !== 0 && status !== NOT_FOUND) {
    const message = errorMessage(error[0]);
    errorFree(error[0]);
    throw new Error(message);
  }
  return status;
}

// Copies bytes that are borrowed: they are gone with the next move, or the value's end.
function lent(call, owner) {
  const length = [0];
  return Buffer.from(koffi.decode(call(owner, length), 'uint8_t', Number(length[0])));
}

const [db, value, iter] = [[null], [null], [null]];
must(open, process.argv[2], null, db);
for (const entry of [['greeting', 'hello'], ['user/1', 'Ada'], ['user/2', 'Grace']]) {
  const [k, v] = entry.map((text) => Buffer.from(text)); // lengths are those of bytes, not of text
  must(put, db[0], null, k, k.length, v, v.length, null);
}
if (must(get, db[0], null, Buffer.from('greeting'), 8, null, value) === NOT_FOUND) throw new Error('lost');
if (lent(valueData, value[0]).toString() !== 'hello') throw new Error('wrong');
valueFree(value[0]);

must(iterNew, db[0], null, null, iter);
for (iterFirst(iter[0]); iterValid(iter[0]); iterNext(iter[0])) {
  console.log(`${lent(iterKey, iter[0])} = ${lent(iterValue, iter[0])}`);
}
must(iterStatus, iter[0]); // the loop also ends on an error
iterFree(iter[0]);
must(close, db[0]);
