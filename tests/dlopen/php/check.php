<?php
// Esker from PHP's FFI: the steps of tests/dlopen/steps.txt.
//   php -d ffi.enable=1 check.php LIBRARY DIRECTORY ESKER.CDEF
declare(strict_types=1);

[, $library, $directory, $cdef] = $argv;
$path = "$directory/db";
$esker = FFI::cdef(file_get_contents($cdef), $library);

function check(bool $holds): void
{
    if (!$holds) throw new Exception("does not hold");
}

function must(int $status, ?FFI\CData $failure = null): void
{
    global $esker;
    if ($status !== $esker->ESKER_OK) {
        throw new Exception($failure === null ? $esker->esker_status_name($status) : $esker->esker_error_message($failure));
    }
}

/** A C copy of a string, NUL included; PHP's own strings go only where the parameter is const char *. */
function bytes(string $text): FFI\CData
{
    global $esker;
    $copy = $esker->new("uint8_t[" . max(1, strlen($text)) . "]");
    FFI::memcpy($copy, $text, strlen($text));
    return $copy;
}

/** Calls a function that makes something of this type. */
function made(string $type, string $call, mixed ...$arguments): FFI\CData
{
    global $esker;
    [$out, $failure] = [$esker->new("$type *"), $esker->new("esker_error *")];
    must($esker->$call(...[...$arguments, FFI::addr($out), FFI::addr($failure)]), FFI::isNull($failure) ? null : $failure);
    return $out;
}

/** The bytes that a function lends, copied. */
function lent(string $call, FFI\CData $handle): string
{
    global $esker;
    $length = $esker->new("size_t");
    $data = $esker->$call($handle, FFI::addr($length));
    return FFI::string($data, $length->cdata);
}

function put(FFI\CData $db, string $key, string $value, ?FFI\CData $family = null): void
{
    global $esker;
    must($esker->esker_put($db, $family, bytes($key), strlen($key), bytes($value), strlen($value), null, null));
}

function get(FFI\CData $db, string $key, ?FFI\CData $family = null, ?FFI\CData $options = null): ?string
{
    global $esker;
    [$value, $failure] = [$esker->new("esker_value *"), $esker->new("esker_error *")];
    $status = $esker->esker_get($db, $family, bytes($key), strlen($key), $options, FFI::addr($value), FFI::addr($failure));
    if ($status === $esker->ESKER_NOT_FOUND) {
        check(FFI::isNull($value) && FFI::isNull($failure)); // an absent key is no error
        return null;
    }
    must($status);
    $found = lent("esker_value_data", $value);
    $esker->esker_value_free($value);
    return $found;
}

function add(FFI\CData $batch, string $key, string $value): void
{
    global $esker;
    must($esker->esker_batch_put($batch, null, bytes($key), strlen($key), bytes($value), strlen($value), null));
}

check($esker->esker_abi_version() === $esker->ESKER_ABI_VERSION);
[$major, $minor, $patch] = array_map('intval', explode('.', $esker->esker_version()));
check($esker->esker_version_number() === 1000000 * $major + 1000 * $minor + $patch);
check($esker->esker_version_number() === $esker->ESKER_VERSION_NUMBER);
echo "version\n";

$options = $esker->esker_options_new();
$failure = $esker->new("esker_error *");
$status = $esker->esker_options_set($options, "memory_budjet", "16MiB", FFI::addr($failure));
check($status === $esker->ESKER_INVALID_ARGUMENT);
check(str_contains($esker->esker_error_message($failure), "memory_budget"));
$esker->esker_error_free($failure);
must($esker->esker_options_set($options, "memory_budget", "16MiB", null));
$db = made("esker_db", "esker_open", $path, $options);
$esker->esker_options_free($options);
echo "options\n";

put($db, "a\0b", "\0x\0\xff");
put($db, "empty", "");
check(get($db, "a\0b") === "\0x\0\xff");
check(get($db, "a") === null);
check(get($db, "empty") === "");
must($esker->esker_delete($db, null, bytes("empty"), 5, null, null));
check(get($db, "empty") === null);
echo "bytes\n";

file_put_contents("$directory/a file", "not a directory");
[$none, $failure] = [$esker->new("esker_db *"), $esker->new("esker_error *")];
$status = $esker->esker_open("$directory/a file", null, FFI::addr($none), FFI::addr($failure));
check($status === $esker->ESKER_INVALID_ARGUMENT && FFI::isNull($none));
check($esker->esker_error_code($failure) === $status && $esker->esker_status_name($status) === "INVALID_ARGUMENT");
check(str_contains($esker->esker_error_message($failure), "a file"));
check(str_contains($esker->esker_error_file($failure), "a file"));
$esker->esker_error_free($failure);
echo "error\n";

put($db, "batch/old", "1");
$batch = $esker->esker_batch_new();
add($batch, "batch/a", "A\0");
add($batch, "batch/b", "B");
must($esker->esker_batch_delete($batch, null, bytes("batch/old"), 9, null));
check($esker->esker_batch_count($batch) === 3);
must($esker->esker_write($db, $batch, null, null));
must($esker->esker_write($db, $batch, null, null)); // a batch can be written again
$esker->esker_batch_free($batch);
check(get($db, "batch/a") === "A\0" && get($db, "batch/b") === "B" && get($db, "batch/old") === null);
echo "batch\n";

// Every character from U+0020 to U+07FF: the key is its code point, the value its UTF-8 and its number.
$table = [];
for ($c = 0x20; $c < 0x800; $c++) {
    $utf8 = $c < 0x80 ? chr($c) : chr(0xC0 + ($c >> 6)) . chr(0x80 + ($c & 63));
    $table[] = [sprintf("U+%04X", $c), "$utf8\t$c"];
}
$batch = $esker->esker_batch_new();
foreach ($table as [$key, $value]) add($batch, $key, $value);
must($esker->esker_write($db, $batch, null, null));
$esker->esker_batch_free($batch);
foreach ($table as [$key, $value]) check(get($db, $key) === $value);
echo "unicode\n";

$options = $esker->esker_read_options_new();
must($esker->esker_read_options_set_prefix($options, bytes("U+"), 2));
$iter = made("esker_iter", "esker_iter_new", $db, null, $options);
$esker->esker_read_options_free($options);
must($esker->esker_iter_seek_to_first($iter));
[$buf, $bytes, $entries] = [$esker->new("uint8_t[1000]"), $esker->new("size_t"), $esker->new("size_t")];
$status = $esker->esker_iter_next_many($iter, $buf, 4, 100, FFI::addr($bytes), FFI::addr($entries), null);
check($status === $esker->ESKER_BUFFER_TOO_SMALL && $bytes->cdata === 8 + 6 + 4 && $entries->cdata === 0);
for ($found = [], $calls = 0; ; $calls++) {
    must($esker->esker_iter_next_many($iter, $buf, 1000, 100, FFI::addr($bytes), FFI::addr($entries), null));
    if ($entries->cdata === 0) break;
    $packed = FFI::string($buf, $bytes->cdata);
    for ($at = 0, $i = 0; $i < $entries->cdata; $i++) {
        ['k' => $k, 'v' => $v] = unpack("Vk/Vv", $packed, $at);
        $found[] = [substr($packed, $at + 8, $k), substr($packed, $at + 8 + $k, $v)];
        $at += 8 + $k + $v;
    }
    check($at === strlen($packed));
}
check($found === $table && $calls > 20);
$esker->esker_iter_free($iter);
echo "chunks\n";

put($db, "snap/1", "before");
$snapshot = made("esker_snapshot", "esker_snapshot_new", $db);
put($db, "snap/1", "after");
put($db, "snap/2", "after");
$options = $esker->esker_read_options_new();
must($esker->esker_read_options_set_snapshot($options, $snapshot));
must($esker->esker_read_options_set_prefix($options, bytes("snap/"), 5));
check(get($db, "snap/1", null, $options) === "before" && get($db, "snap/1") === "after");
$iter = made("esker_iter", "esker_iter_new", $db, null, $options);
must($esker->esker_iter_seek_to_first($iter));
check(lent("esker_iter_key", $iter) === "snap/1" && lent("esker_iter_value", $iter) === "before");
must($esker->esker_iter_next($iter));
check($esker->esker_iter_valid($iter) === 0);
$esker->esker_iter_free($iter);
$esker->esker_read_options_free($options);
$esker->esker_snapshot_free($snapshot);
echo "snapshot\n";

$notes = made("esker_cf", "esker_cf_create", $db, "notes", null);
put($db, "note", "in notes", $notes);
check(get($db, "note", $notes) === "in notes" && get($db, "note") === null && get($db, "a\0b", $notes) === null);
$names = made("esker_names", "esker_cf_list", $db);
check($esker->esker_names_count($names) === 2);
check($esker->esker_names_at($names, 0) === "default" && $esker->esker_names_at($names, 1) === "notes");
$esker->esker_names_free($names);
$again = made("esker_cf", "esker_cf_open", $db, "notes");
check($esker->esker_cf_name($again) === "notes" && get($db, "note", $again) === "in notes");
$esker->esker_cf_free($again);
$esker->esker_cf_free($notes);
echo "family\n";

$snapshot = made("esker_snapshot", "esker_snapshot_new", $db);
$iter = made("esker_iter", "esker_iter_new", $db, null, null);
must($esker->esker_iter_seek_to_first($iter));
$value = made("esker_value", "esker_get", $db, null, bytes("a\0b"), 3, null);
$notes = made("esker_cf", "esker_cf_open", $db, "notes");
must($esker->esker_close($db, null));
$failure = $esker->new("esker_error *");
check($esker->esker_put($db, $notes, bytes("k"), 1, bytes("v"), 1, null, FFI::addr($failure)) === $esker->ESKER_CLOSED);
check($esker->esker_error_code($failure) === $esker->ESKER_CLOSED && $esker->esker_error_message($failure) !== "");
$esker->esker_error_free($failure);
[$none, $nothing] = [$esker->new("esker_value *"), $esker->new("esker_snapshot *")];
check($esker->esker_get($db, null, bytes("k"), 1, null, FFI::addr($none), null) === $esker->ESKER_CLOSED);
check(FFI::isNull($none));
check($esker->esker_iter_next($iter) === $esker->ESKER_CLOSED);
check($esker->esker_iter_status($iter, null) === $esker->ESKER_CLOSED);
check($esker->esker_snapshot_new($db, FFI::addr($nothing), null) === $esker->ESKER_CLOSED);
check($esker->esker_close($db, null) === $esker->ESKER_CLOSED);
check(lent("esker_value_data", $value) === "\0x\0\xff");
echo "closing\n";

$again = made("esker_db", "esker_open", $path, null);
[$key, $text] = end($table);
check(get($again, "a\0b") === "\0x\0\xff" && get($again, $key) === $text);
$family = made("esker_cf", "esker_cf_open", $again, "notes");
check(get($again, "note", $family) === "in notes");
$esker->esker_cf_free($family);
$esker->esker_value_free($value);
$esker->esker_cf_free($notes);
$esker->esker_iter_free($iter);
$esker->esker_snapshot_free($snapshot);
must($esker->esker_close($again, null));
echo "reopen\n";
