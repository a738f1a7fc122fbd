<?php
// Esker from PHP: the shared library by FFI, the declarations from esker.cdef.
//   php -d ffi.enable=1 hello.php DIRECTORY [ESKER.CDEF]
$esker = FFI::cdef(file_get_contents($argv[2] ?? "/usr/local/include/esker.cdef"), "libesker.so.0");

// Turns a failure into an exception with Esker's own message.
function must(int $status, FFI\CData $error): void
{
    global $esker;
    if ($status === $esker->ESKER_OK) return;
    $message = $esker->esker_error_message($error);
    $esker->esker_error_free($error);
    throw new Exception($message);
}

// A C copy of a string: PHP passes its own strings only where C says const char *, and not with NUL inside.
function bytes(string $text): FFI\CData
{
    $copy = FFI::new("uint8_t[" . max(1, strlen($text)) . "]");
    FFI::memcpy($copy, $text, strlen($text));
    return $copy;
}

// Copies bytes that are borrowed: they are gone with the next move, or the value's end.
function lent(string $call, FFI\CData $owner): string
{
    global $esker;
    $length = FFI::new("size_t");
    $data = $esker->$call($owner, FFI::addr($length));
    return FFI::string($data, $length->cdata);
}

[$db, $value, $iter, $error] = array_map(fn($type) => $esker->new("esker_$type *"), ["db", "value", "iter", "error"]);
must($esker->esker_open($argv[1], null, FFI::addr($db), FFI::addr($error)), $error);
foreach (["greeting" => "hello", "user/1" => "Ada", "user/2" => "Grace"] as $k => $v) {
    must($esker->esker_put($db, null, bytes($k), strlen($k), bytes($v), strlen($v), null, FFI::addr($error)), $error);
}

$status = $esker->esker_get($db, null, bytes("greeting"), 8, null, FFI::addr($value), FFI::addr($error));
if ($status !== $esker->ESKER_NOT_FOUND) { // which is no error
    must($status, $error);
    if (lent("esker_value_data", $value) !== "hello") throw new Exception("wrong");
    $esker->esker_value_free($value);
}

must($esker->esker_iter_new($db, null, null, FFI::addr($iter), FFI::addr($error)), $error);
for ($esker->esker_iter_seek_to_first($iter); $esker->esker_iter_valid($iter); $esker->esker_iter_next($iter)) {
    echo lent("esker_iter_key", $iter), " = ", lent("esker_iter_value", $iter), "\n";
}
must($esker->esker_iter_status($iter, FFI::addr($error)), $error); // the loop also ends on an error
$esker->esker_iter_free($iter);
must($esker->esker_close($db, FFI::addr($error)), $error);
