// Esker from Go by cgo: the steps of tests/dlopen/steps.txt.
//
//	CGO_CFLAGS=-I… CGO_LDFLAGS=-L… LD_LIBRARY_PATH=… go run check.go LIBRARY DIRECTORY
//
// The library is linked, as cgo does; the first argument is not used. With an installed Esker `#cgo pkg-config: esker` does.
package main

// #cgo LDFLAGS: -lesker
// #include <stdlib.h>
// #include <esker.h>
import "C"

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"unsafe"
)

// A failure carries its status; goroutines may move between threads, and nothing of it is a thread's.
type failure struct {
	status  C.esker_status
	message string
}

func (f *failure) Error() string { return f.message }

// problem makes a Go error of a status, and frees the error object.
func problem(status C.esker_status, err *C.esker_error) error {
	if status == C.ESKER_OK {
		return nil
	}
	message := C.GoString(C.esker_status_name(status))
	if err != nil {
		message = C.GoString(C.esker_error_message(err))
		C.esker_error_free(err)
	}
	return &failure{status, message}
}

func check(holds bool) {
	if !holds {
		panic("does not hold")
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func ok(status C.esker_status) { must(problem(status, nil)) }

func is(err error, status C.esker_status) bool {
	f, good := err.(*failure)
	return good && f.status == status
}

// ptr lends the bytes of a slice for one call.
func ptr(b []byte) (*C.uint8_t, C.size_t) {
	if len(b) == 0 {
		return nil, 0
	}
	return (*C.uint8_t)(unsafe.Pointer(&b[0])), C.size_t(len(b))
}

func open(path string, options *C.esker_options) (db *C.esker_db, err error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var e *C.esker_error
	status := C.esker_open(name, options, &db, &e)
	return db, problem(status, e)
}

func put(db *C.esker_db, cf *C.esker_cf, key, value string) error {
	k, kn := ptr([]byte(key))
	v, vn := ptr([]byte(value))
	var e *C.esker_error
	status := C.esker_put(db, cf, k, kn, v, vn, nil, &e)
	return problem(status, e)
}

func copied(data *C.uint8_t, length C.size_t) string {
	return string(C.GoBytes(unsafe.Pointer(data), C.int(length)))
}

func data(value *C.esker_value) string {
	var length C.size_t
	return copied(C.esker_value_data(value, &length), length)
}

// get returns the value, and whether there is one.
func get(db *C.esker_db, cf *C.esker_cf, options *C.esker_read_options, key string) (string, bool) {
	k, kn := ptr([]byte(key))
	var value *C.esker_value
	var e *C.esker_error
	status := C.esker_get(db, cf, k, kn, options, &value, &e)
	if status == C.ESKER_NOT_FOUND {
		check(value == nil && e == nil) // an absent key is no error
		return "", false
	}
	must(problem(status, e))
	defer C.esker_value_free(value)
	return data(value), true
}

func has(db *C.esker_db, cf *C.esker_cf, key, wanted string) bool {
	found, present := get(db, cf, nil, key)
	return present && found == wanted
}

func lacks(db *C.esker_db, cf *C.esker_cf, key string) bool {
	_, present := get(db, cf, nil, key)
	return !present
}

func add(batch *C.esker_batch, key, value string) {
	k, kn := ptr([]byte(key))
	v, vn := ptr([]byte(value))
	ok(C.esker_batch_put(batch, nil, k, kn, v, vn, nil))
}

func family(db *C.esker_db, name string, create bool) *C.esker_cf {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	var cf *C.esker_cf
	if create {
		ok(C.esker_cf_create(db, text, nil, &cf, nil))
	} else {
		ok(C.esker_cf_open(db, text, &cf, nil))
	}
	return cf
}

func prefixed(prefix string) *C.esker_read_options {
	options := C.esker_read_options_new()
	p, n := ptr([]byte(prefix))
	ok(C.esker_read_options_set_prefix(options, p, n))
	return options
}

func iterator(db *C.esker_db, options *C.esker_read_options) *C.esker_iter {
	var iter *C.esker_iter
	ok(C.esker_iter_new(db, nil, options, &iter, nil))
	ok(C.esker_iter_seek_to_first(iter))
	return iter
}

func done(step string) { fmt.Println(step) }

type entry struct{ key, value string }

func main() {
	directory := os.Args[2]
	path := directory + "/db"

	check(C.esker_abi_version() == C.ESKER_ABI_VERSION)
	check(C.GoString(C.esker_version()) == C.ESKER_VERSION_STRING)
	check(C.esker_version_number() == C.ESKER_VERSION_NUMBER)
	done("version")

	db := options(path)
	done("options")

	must(put(db, nil, "a\x00b", "\x00x\x00\xff"))
	must(put(db, nil, "empty", ""))
	check(has(db, nil, "a\x00b", "\x00x\x00\xff"))
	check(lacks(db, nil, "a"))
	check(has(db, nil, "empty", ""))
	k, kn := ptr([]byte("empty"))
	ok(C.esker_delete(db, nil, k, kn, nil, nil))
	check(lacks(db, nil, "empty"))
	done("bytes")

	failing(directory)
	done("error")

	must(put(db, nil, "batch/old", "1"))
	batch := C.esker_batch_new()
	add(batch, "batch/a", "A\x00")
	add(batch, "batch/b", "B")
	k, kn = ptr([]byte("batch/old"))
	ok(C.esker_batch_delete(batch, nil, k, kn, nil))
	check(C.esker_batch_count(batch) == 3)
	for i := 0; i < 2; i++ { // a batch can be written again
		ok(C.esker_write(db, batch, nil, nil))
	}
	C.esker_batch_free(batch)
	check(has(db, nil, "batch/a", "A\x00") && has(db, nil, "batch/b", "B") && lacks(db, nil, "batch/old"))
	done("batch")

	// Every character from U+0020 to U+07FF: the key is its code point, the value its UTF-8 and its number.
	var table []entry
	for c := rune(0x20); c < 0x800; c++ {
		table = append(table, entry{fmt.Sprintf("U+%04X", c), fmt.Sprintf("%c\t%d", c, c)})
	}
	batch = C.esker_batch_new()
	for _, e := range table {
		add(batch, e.key, e.value)
	}
	ok(C.esker_write(db, batch, nil, nil))
	C.esker_batch_free(batch)
	for _, e := range table {
		check(has(db, nil, e.key, e.value))
	}
	done("unicode")

	chunks(db, table)
	done("chunks")
	snapshot(db)
	done("snapshot")
	families(db)
	done("family")
	closing(db, path, table[len(table)-1])
}

func options(path string) *C.esker_db {
	settings := C.esker_options_new()
	defer C.esker_options_free(settings)
	wrong, right, size := C.CString("memory_budjet"), C.CString("memory_budget"), C.CString("16MiB")
	var e *C.esker_error
	status := C.esker_options_set(settings, wrong, size, &e)
	err := problem(status, e)
	check(is(err, C.ESKER_INVALID_ARGUMENT) && strings.Contains(err.Error(), "memory_budget"))
	ok(C.esker_options_set(settings, right, size, nil))
	for _, text := range []*C.char{wrong, right, size} {
		C.free(unsafe.Pointer(text))
	}
	db, err := open(path, settings)
	must(err)
	return db
}

func failing(directory string) {
	file := directory + "/a file"
	must(os.WriteFile(file, []byte("not a directory"), 0o644))
	name := C.CString(file)
	defer C.free(unsafe.Pointer(name))
	var none *C.esker_db
	var e *C.esker_error
	status := C.esker_open(name, nil, &none, &e)
	check(status == C.ESKER_INVALID_ARGUMENT && none == nil && C.esker_error_code(e) == status)
	check(C.GoString(C.esker_status_name(status)) == "INVALID_ARGUMENT")
	check(strings.Contains(C.GoString(C.esker_error_message(e)), "a file"))
	check(strings.Contains(C.GoString(C.esker_error_file(e)), "a file"))
	C.esker_error_free(e)
}

func chunks(db *C.esker_db, table []entry) {
	options := prefixed("U+")
	iter := iterator(db, options)
	C.esker_read_options_free(options)
	buffer := make([]byte, 1000)
	b, size := ptr(buffer)
	var bytes, entries C.size_t
	check(C.esker_iter_next_many(iter, b, 4, 100, &bytes, &entries, nil) == C.ESKER_BUFFER_TOO_SMALL)
	check(bytes == 8+6+4 && entries == 0)
	found, calls := 0, 0
	for {
		ok(C.esker_iter_next_many(iter, b, size, 100, &bytes, &entries, nil))
		if entries == 0 {
			break
		}
		calls++
		packed := buffer[:bytes]
		for i := C.size_t(0); i < entries; i++ {
			key := 8 + binary.LittleEndian.Uint32(packed)
			end := key + binary.LittleEndian.Uint32(packed[4:])
			check(string(packed[8:key]) == table[found].key && string(packed[key:end]) == table[found].value)
			packed = packed[end:]
			found++
		}
		check(len(packed) == 0)
	}
	check(found == len(table) && calls > 20)
	C.esker_iter_free(iter)
}

func snapshot(db *C.esker_db) {
	must(put(db, nil, "snap/1", "before"))
	var taken *C.esker_snapshot
	ok(C.esker_snapshot_new(db, &taken, nil))
	must(put(db, nil, "snap/1", "after"))
	must(put(db, nil, "snap/2", "after"))
	options := prefixed("snap/")
	ok(C.esker_read_options_set_snapshot(options, taken))
	old, present := get(db, nil, options, "snap/1")
	check(present && old == "before" && has(db, nil, "snap/1", "after"))
	iter := iterator(db, options)
	var n C.size_t
	check(copied(C.esker_iter_key(iter, &n), n) == "snap/1")
	check(copied(C.esker_iter_value(iter, &n), n) == "before")
	ok(C.esker_iter_next(iter))
	check(C.esker_iter_valid(iter) == 0)
	C.esker_iter_free(iter)
	C.esker_read_options_free(options)
	C.esker_snapshot_free(taken)
}

func families(db *C.esker_db) {
	notes := family(db, "notes", true)
	must(put(db, notes, "note", "in notes"))
	check(has(db, notes, "note", "in notes") && lacks(db, nil, "note") && lacks(db, notes, "a\x00b"))
	var names *C.esker_names
	ok(C.esker_cf_list(db, &names, nil))
	check(C.esker_names_count(names) == 2)
	check(C.GoString(C.esker_names_at(names, 0)) == "default" && C.GoString(C.esker_names_at(names, 1)) == "notes")
	C.esker_names_free(names)
	again := family(db, "notes", false)
	check(C.GoString(C.esker_cf_name(again)) == "notes" && has(db, again, "note", "in notes"))
	C.esker_cf_free(again)
	C.esker_cf_free(notes)
}

func closing(db *C.esker_db, path string, last entry) {
	var taken, nothing *C.esker_snapshot
	ok(C.esker_snapshot_new(db, &taken, nil))
	iter := iterator(db, nil)
	var value, none *C.esker_value
	k, kn := ptr([]byte("a\x00b"))
	ok(C.esker_get(db, nil, k, kn, nil, &value, nil))
	notes := family(db, "notes", false)
	ok(C.esker_close(db, nil))
	err := put(db, notes, "k", "v")
	check(is(err, C.ESKER_CLOSED) && err.Error() != "")
	check(C.esker_get(db, nil, k, kn, nil, &none, nil) == C.ESKER_CLOSED && none == nil)
	check(C.esker_iter_next(iter) == C.ESKER_CLOSED && C.esker_iter_status(iter, nil) == C.ESKER_CLOSED)
	check(C.esker_snapshot_new(db, &nothing, nil) == C.ESKER_CLOSED)
	check(C.esker_close(db, nil) == C.ESKER_CLOSED)
	check(data(value) == "\x00x\x00\xff")
	done("closing")

	again, err := open(path, nil)
	must(err)
	check(has(again, nil, "a\x00b", "\x00x\x00\xff") && has(again, nil, last.key, last.value))
	cf := family(again, "notes", false)
	check(has(again, cf, "note", "in notes"))
	C.esker_cf_free(cf)
	C.esker_value_free(value)
	C.esker_cf_free(notes)
	C.esker_iter_free(iter)
	C.esker_snapshot_free(taken)
	ok(C.esker_close(again, nil))
	done("reopen")
}
