# Esker from Perl by FFI::Platypus: the steps of tests/dlopen/steps.txt.   perl check.pl LIBRARY DIRECTORY
use strict;
use warnings;
use FFI::Platypus 1.00;
use FFI::Platypus::Buffer qw(buffer_to_scalar scalar_to_buffer);

use constant { OK => 0, NOT_FOUND => 1, INVALID_ARGUMENT => 2, CLOSED => 5, TOO_SMALL => 15 };
my ($library, $directory) = @ARGV;
my $path = "$directory/db";
$| = 1;

my $ffi = FFI::Platypus->new(api => 1, lib => $library);
# A handle is an opaque number; a string goes as it is, NUL included, beside its length. [name, arguments, result]
for my $function (
    ['version', [], 'string'],
    ['version_number', [], 'uint32'],
    ['abi_version', [], 'uint32'],
    ['status_name', ['sint32'], 'string'],
    ['error_code', ['opaque'], 'sint32'],
    ['error_message', ['opaque'], 'string'],
    ['error_file', ['opaque'], 'string'],
    ['error_free', ['opaque'], 'void'],
    ['options_new', [], 'opaque'],
    ['options_set', ['opaque', 'string', 'string', 'opaque*'], 'sint32'],
    ['options_free', ['opaque'], 'void'],
    ['open', ['string', 'opaque', 'opaque*', 'opaque*'], 'sint32'],
    ['close', ['opaque', 'opaque*'], 'sint32'],
    ['put', ['opaque', 'opaque', 'string', 'size_t', 'string', 'size_t', 'opaque', 'opaque*'], 'sint32'],
    ['get', ['opaque', 'opaque', 'string', 'size_t', 'opaque', 'opaque*', 'opaque*'], 'sint32'],
    ['delete', ['opaque', 'opaque', 'string', 'size_t', 'opaque', 'opaque*'], 'sint32'],
    ['value_data', ['opaque', 'size_t*'], 'opaque'],
    ['value_free', ['opaque'], 'void'],
    ['batch_new', [], 'opaque'],
    ['batch_put', ['opaque', 'opaque', 'string', 'size_t', 'string', 'size_t', 'opaque*'], 'sint32'],
    ['batch_delete', ['opaque', 'opaque', 'string', 'size_t', 'opaque*'], 'sint32'],
    ['batch_count', ['opaque'], 'size_t'],
    ['batch_free', ['opaque'], 'void'],
    ['write', ['opaque', 'opaque', 'opaque', 'opaque*'], 'sint32'],
    ['snapshot_new', ['opaque', 'opaque*', 'opaque*'], 'sint32'],
    ['snapshot_free', ['opaque'], 'void'],
    ['read_options_new', [], 'opaque'],
    ['read_options_set_snapshot', ['opaque', 'opaque'], 'sint32'],
    ['read_options_set_prefix', ['opaque', 'string', 'size_t'], 'sint32'],
    ['read_options_free', ['opaque'], 'void'],
    ['iter_new', ['opaque', 'opaque', 'opaque', 'opaque*', 'opaque*'], 'sint32'],
    ['iter_seek_to_first', ['opaque'], 'sint32'],
    ['iter_next', ['opaque'], 'sint32'],
    ['iter_valid', ['opaque'], 'uint8'],
    ['iter_key', ['opaque', 'size_t*'], 'opaque'],
    ['iter_value', ['opaque', 'size_t*'], 'opaque'],
    ['iter_status', ['opaque', 'opaque*'], 'sint32'],
    ['iter_next_many', ['opaque', 'opaque', 'size_t', 'size_t', 'size_t*', 'size_t*', 'opaque*'], 'sint32'],
    ['iter_free', ['opaque'], 'void'],
    ['cf_create', ['opaque', 'string', 'opaque', 'opaque*', 'opaque*'], 'sint32'],
    ['cf_open', ['opaque', 'string', 'opaque*', 'opaque*'], 'sint32'],
    ['cf_name', ['opaque'], 'string'],
    ['cf_free', ['opaque'], 'void'],
    ['cf_list', ['opaque', 'opaque*', 'opaque*'], 'sint32'],
    ['names_count', ['opaque'], 'size_t'],
    ['names_at', ['opaque', 'size_t'], 'string'],
    ['names_free', ['opaque'], 'void'],
) {
    my ($name, $arguments, $result) = @$function;
    $ffi->attach("esker_$name" => $arguments => $result);
}

sub check { $_[0] or die "does not hold, line " . (caller)[2] . "\n" }

sub must {
    my ($status, $error) = @_;
    die(($error ? esker_error_message($error) : esker_status_name($status)) . ", line " . (caller)[2] . "\n") if $status != OK;
}

# Calls a function that makes something, and returns what it made.
sub made {
    my ($call, @inputs) = @_;
    my ($out, $error);
    must($call->(@inputs, \$out, \$error), $error);
    return $out;
}

# The bytes that a function lends, copied.
sub lent {
    my ($call, $handle) = @_;
    my $data = $call->($handle, \my $length);
    return buffer_to_scalar($data, $length);
}

sub put {
    my ($db, $key, $value, $family) = @_;
    must(esker_put($db, $family, $key, length $key, $value, length $value, undef, undef));
}

sub get {
    my ($db, $key, $family, $options) = @_;
    my ($value, $error);
    my $status = esker_get($db, $family, $key, length $key, $options, \$value, \$error);
    if ($status == NOT_FOUND) {
        check(!defined $value && !defined $error);    # an absent key is no error
        return undef;
    }
    must($status, $error);
    my $found = lent(\&esker_value_data, $value);
    esker_value_free($value);
    return $found;
}

sub add {
    my ($batch, $key, $value) = @_;
    must(esker_batch_put($batch, undef, $key, length $key, $value, length $value, undef));
}

check(esker_abi_version() == 0);
my ($major, $minor, $patch) = split /\./, esker_version();
check(esker_version_number() == 1_000_000 * $major + 1000 * $minor + $patch);
print "version\n";

my ($error, $none);
my $options = esker_options_new();
check(esker_options_set($options, 'memory_budjet', '16MiB', \$error) == INVALID_ARGUMENT);
check(esker_error_message($error) =~ /memory_budget/);
esker_error_free($error);
must(esker_options_set($options, 'memory_budget', '16MiB', undef));
my $db = made(\&esker_open, $path, $options);
esker_options_free($options);
print "options\n";

put($db, "a\0b", "\0x\0\xff");
put($db, 'empty', '');
check(get($db, "a\0b") eq "\0x\0\xff");
check(!defined get($db, 'a'));
check(get($db, 'empty') eq '');
must(esker_delete($db, undef, 'empty', 5, undef, undef));
check(!defined get($db, 'empty'));
print "bytes\n";

open my $file, '>', "$directory/a file" or die $!;
close $file;
my $status = esker_open("$directory/a file", undef, \$none, \$error);
check($status == INVALID_ARGUMENT && !defined $none);
check(esker_error_code($error) == $status && esker_status_name($status) eq 'INVALID_ARGUMENT');
check(esker_error_message($error) =~ /a file/ && esker_error_file($error) =~ /a file/);
esker_error_free($error);
print "error\n";

put($db, 'batch/old', '1');
my $batch = esker_batch_new();
add($batch, 'batch/a', "A\0");
add($batch, 'batch/b', 'B');
must(esker_batch_delete($batch, undef, 'batch/old', 9, undef));
check(esker_batch_count($batch) == 3);
must(esker_write($db, $batch, undef, undef)) for 1 .. 2;    # a batch can be written again
esker_batch_free($batch);
check(get($db, 'batch/a') eq "A\0" && get($db, 'batch/b') eq 'B' && !defined get($db, 'batch/old'));
print "batch\n";

# Every character from U+0020 to U+07FF: the key is its code point, the value its UTF-8 and its number.
my @table;
for my $c (0x20 .. 0x7FF) {
    my $character = chr $c;
    utf8::encode($character);
    push @table, [sprintf('U+%04X', $c), "$character\t$c"];
}
$batch = esker_batch_new();
add($batch, @$_) for @table;
must(esker_write($db, $batch, undef, undef));
esker_batch_free($batch);
check(get($db, $_->[0]) eq $_->[1]) for @table;
print "unicode\n";

$options = esker_read_options_new();
must(esker_read_options_set_prefix($options, 'U+', 2));
my $iter = made(\&esker_iter_new, $db, undef, $options);
esker_read_options_free($options);
must(esker_iter_seek_to_first($iter));
my $memory = "\0" x 1000;
my ($buffer) = scalar_to_buffer($memory);
my ($size, $count) = (0, 0);
check(esker_iter_next_many($iter, $buffer, 4, 100, \$size, \$count, undef) == TOO_SMALL);
check($size == 8 + 6 + 4 && $count == 0);
my ($found, $calls) = (0, 0);
while (1) {
    must(esker_iter_next_many($iter, $buffer, 1000, 100, \$size, \$count, undef));
    last if $count == 0;
    $calls++;
    my $packed = buffer_to_scalar($buffer, $size);
    # Each entry: u32 key length, u32 value length, key, value.
    while (length $packed) {
        my ($key_len, $value_len) = unpack 'VV', $packed;
        my ($key, $value) = unpack "x8 a$key_len a$value_len", $packed;
        check($key eq $table[$found][0] && $value eq $table[$found][1]);
        $found++;
        $count--;
        substr($packed, 0, 8 + $key_len + $value_len) = '';
    }
    check($count == 0);
}
check($found == @table && $calls > 20);
esker_iter_free($iter);
print "chunks\n";

put($db, 'snap/1', 'before');
my $snapshot = made(\&esker_snapshot_new, $db);
put($db, 'snap/1', 'after');
put($db, 'snap/2', 'after');
$options = esker_read_options_new();
must(esker_read_options_set_snapshot($options, $snapshot));
must(esker_read_options_set_prefix($options, 'snap/', 5));
check(get($db, 'snap/1', undef, $options) eq 'before' && get($db, 'snap/1') eq 'after');
$iter = made(\&esker_iter_new, $db, undef, $options);
must(esker_iter_seek_to_first($iter));
check(lent(\&esker_iter_key, $iter) eq 'snap/1' && lent(\&esker_iter_value, $iter) eq 'before');
must(esker_iter_next($iter));
check(esker_iter_valid($iter) == 0);
esker_iter_free($iter);
esker_read_options_free($options);
esker_snapshot_free($snapshot);
print "snapshot\n";

my $notes = made(\&esker_cf_create, $db, 'notes', undef);
put($db, 'note', 'in notes', $notes);
check(get($db, 'note', $notes) eq 'in notes' && !defined get($db, 'note') && !defined get($db, "a\0b", $notes));
my $names = made(\&esker_cf_list, $db);
check(join(' ', map { esker_names_at($names, $_) } 0 .. esker_names_count($names) - 1) eq 'default notes');
esker_names_free($names);
my $again = made(\&esker_cf_open, $db, 'notes');
check(esker_cf_name($again) eq 'notes' && get($db, 'note', $again) eq 'in notes');
esker_cf_free($again);
esker_cf_free($notes);
print "family\n";

$snapshot = made(\&esker_snapshot_new, $db);
$iter = made(\&esker_iter_new, $db, undef, undef);
must(esker_iter_seek_to_first($iter));
my $value = made(\&esker_get, $db, undef, "a\0b", 3, undef);
$notes = made(\&esker_cf_open, $db, 'notes');
must(esker_close($db, undef));
check(esker_put($db, $notes, 'k', 1, 'v', 1, undef, \$error) == CLOSED);
check(esker_error_code($error) == CLOSED && length esker_error_message($error));
esker_error_free($error);
check(esker_get($db, undef, 'k', 1, undef, \$none, undef) == CLOSED && !defined $none);
check(esker_iter_next($iter) == CLOSED && esker_iter_status($iter, undef) == CLOSED);
check(esker_snapshot_new($db, \$none, undef) == CLOSED);
check(esker_close($db, undef) == CLOSED);
check(lent(\&esker_value_data, $value) eq "\0x\0\xff");
print "closing\n";

my $second = made(\&esker_open, $path, undef);
check(get($second, "a\0b") eq "\0x\0\xff" && get($second, $table[-1][0]) eq $table[-1][1]);
my $family = made(\&esker_cf_open, $second, 'notes');
check(get($second, 'note', $family) eq 'in notes');
esker_cf_free($family);
esker_value_free($value);
esker_cf_free($notes);
esker_iter_free($iter);
esker_snapshot_free($snapshot);
must(esker_close($second, undef));
print "reopen\n";
