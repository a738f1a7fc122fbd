# Esker from Ruby: the shared library by Fiddle, which comes with Ruby.   ruby hello.rb DIRECTORY
require "fiddle/import"

module Esker
  extend Fiddle::Importer
  dlload "libesker.so.0"
  extern "int esker_open(const char *, void *, void *, void *)"
  extern "int esker_close(void *, void *)"
  extern "int esker_put(void *, void *, void *, size_t, void *, size_t, void *, void *)"
  extern "int esker_get(void *, void *, void *, size_t, void *, void *, void *)"
  extern "void *esker_value_data(void *, void *)"
  extern "void esker_value_free(void *)"
  extern "int esker_iter_new(void *, void *, void *, void *, void *)"
  extern "int esker_iter_seek_to_first(void *)"
  extern "int esker_iter_next(void *)"
  extern "unsigned char esker_iter_valid(void *)"
  extern "void *esker_iter_key(void *, void *)"
  extern "void *esker_iter_value(void *, void *)"
  extern "int esker_iter_status(void *, void *)"
  extern "void esker_iter_free(void *)"
  extern "const char *esker_error_message(void *)"
  extern "void esker_error_free(void *)"

  NOT_FOUND = 1

  # Memory that receives a pointer or a length.
  def self.cell
    Fiddle::Pointer.malloc(Fiddle::SIZEOF_VOIDP, Fiddle::RUBY_FREE)
  end

  # Calls with a place for the error, and turns a failure into an exception with Esker's own message.
  def self.must(name, *parameters)
    error = cell
    status = public_send("esker_#{name}", *parameters, error)
    return status if status == 0 || status == NOT_FOUND
    message = esker_error_message(error.ptr).to_s
    esker_error_free(error.ptr)
    raise message
  end

  # Copies bytes that are borrowed: they are gone with the next move, or the value's end.
  def self.lent(name, owner)
    length = cell
    data = public_send("esker_#{name}", owner, length)
    data[0, length[0, Fiddle::SIZEOF_SIZE_T].unpack1("J")]
  end
end

out = Esker.cell
Esker.must(:open, ARGV[0], nil, out)
db = out.ptr
{ "greeting" => "hello", "user/1" => "Ada", "user/2" => "Grace" }.each do |key, value|
  Esker.must(:put, db, nil, key, key.bytesize, value, value.bytesize, nil)
end

value = Esker.cell
raise "lost" if Esker.must(:get, db, nil, "greeting", 8, nil, value) == Esker::NOT_FOUND
raise "wrong" unless Esker.lent(:value_data, value.ptr) == "hello"
Esker.esker_value_free(value.ptr)

out = Esker.cell
Esker.must(:iter_new, db, nil, nil, out)
iter = out.ptr
Esker.esker_iter_seek_to_first(iter)
while Esker.esker_iter_valid(iter) != 0
  puts "#{Esker.lent(:iter_key, iter)} = #{Esker.lent(:iter_value, iter)}"
  Esker.esker_iter_next(iter)
end
Esker.must(:iter_status, iter) # the loop also ends on an error
Esker.esker_iter_free(iter)
Esker.must(:close, db)
