# Esker from Perl: the shared library by FFI::Platypus.   perl hello.pl DIRECTORY
use strict;
use warnings;
use FFI::Platypus 1.00;
use FFI::Platypus::Buffer qw(buffer_to_scalar);

my $ffi = FFI::Platypus->new(api => 1, lib => 'libesker.so.0');
$ffi->attach(@$_) for (
    [esker_open => ['string', 'opaque', 'opaque*', 'opaque*'] => 'sint32'],
    [esker_close => ['opaque', 'opaque*'] => 'sint32'],
    [esker_put => ['opaque', 'opaque', 'string', 'size_t', 'string', 'size_t', 'opaque', 'opaque*'] => 'sint32'],
    [esker_get => ['opaque', 'opaque', 'string', 'size_t', 'opaque', 'opaque*', 'opaque*'] => 'sint32'],
    [esker_value_data => ['opaque', 'size_t*'] => 'opaque'],
    [esker_value_free => ['opaque'] => 'void'],
    [esker_iter_new => ['opaque', 'opaque', 'opaque', 'opaque*', 'opaque*'] => 'sint32'],
    [esker_iter_seek_to_first => ['opaque'] => 'sint32'],
    [esker_iter_next => ['opaque'] => 'sint32'],
    [esker_iter_valid => ['opaque'] => 'uint8'],
    [esker_iter_key => ['opaque', 'size_t*'] => 'opaque'],
    [esker_iter_value => ['opaque', 'size_t*'] => 'opaque'],
    [esker_iter_status => ['opaque', 'opaque*'] => 'sint32'],
    [esker_iter_free => ['opaque'] => 'void'],
    [esker_error_message => ['opaque'] => 'string'],
    [esker_error_free => ['opaque'] => 'void'],
);
use constant NOT_FOUND => 1;

# Turns a failure into an exception with Esker's own message.
sub must {
    my ($status, $error) = @_;
    return if $status == 0;
    my $message = esker_error_message($error);
    esker_error_free($error);
    die "$message\n";
}

# Copies bytes that are borrowed: they are gone with the next move, or the value's end.
sub lent {
    my ($call, $owner) = @_;
    my $data = $call->($owner, \my $length);
    return buffer_to_scalar($data, $length);
}

my ($db, $value, $iter, $error);
must(esker_open($ARGV[0], undef, \$db, \$error), $error);
my %entries = (greeting => 'hello', 'user/1' => 'Ada', 'user/2' => 'Grace');
for my $key (keys %entries) {
    must(esker_put($db, undef, $key, length $key, $entries{$key}, length $entries{$key}, undef, \$error), $error);
}

my $status = esker_get($db, undef, 'greeting', 8, undef, \$value, \$error);
if ($status != NOT_FOUND) {    # which is no error
    must($status, $error);
    lent(\&esker_value_data, $value) eq 'hello' or die;
    esker_value_free($value);
}

must(esker_iter_new($db, undef, undef, \$iter, \$error), $error);
for (esker_iter_seek_to_first($iter); esker_iter_valid($iter); esker_iter_next($iter)) {
    print lent(\&esker_iter_key, $iter), ' = ', lent(\&esker_iter_value, $iter), "\n";
}
must(esker_iter_status($iter, \$error), $error);    # the loop also ends on an error
esker_iter_free($iter);
must(esker_close($db, \$error), $error);
