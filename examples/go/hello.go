// Esker from Go: the shared library by cgo.   go run hello.go DIRECTORY
package main

// #cgo pkg-config: esker
// #include <stdlib.h>
// #include <esker.h>
import "C"

import (
	"errors"
	"fmt"
	"log"
	"os"
	"unsafe"
)

// check makes a Go error of a status, with Esker's own message.
func check(status C.esker_status, e *C.esker_error) error {
	if status == C.ESKER_OK {
		return nil
	}
	defer C.esker_error_free(e)
	return errors.New(C.GoString(C.esker_error_message(e)))
}

// bytes lends a string for one call: Esker keeps no pointer to it.
func bytes(text string) (*C.uint8_t, C.size_t) {
	if text == "" {
		return nil, 0
	}
	return (*C.uint8_t)(unsafe.Pointer(&[]byte(text)[0])), C.size_t(len(text))
}

// text copies bytes that are borrowed: they are gone with the next move, or the value's end.
func text(data *C.uint8_t, length C.size_t) string {
	return string(C.GoBytes(unsafe.Pointer(data), C.int(length)))
}

func run(path string) error {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var db *C.esker_db
	var e *C.esker_error
	if err := check(C.esker_open(name, nil, &db, &e), e); err != nil {
		return err
	}
	defer C.esker_close(db, nil) // after an error; a second close is harmless

	for key, value := range map[string]string{"greeting": "hello", "user/1": "Ada", "user/2": "Grace"} {
		k, kn := bytes(key)
		v, vn := bytes(value)
		if err := check(C.esker_put(db, nil, k, kn, v, vn, nil, &e), e); err != nil {
			return err
		}
	}

	k, kn := bytes("greeting")
	var value *C.esker_value
	var n C.size_t
	if status := C.esker_get(db, nil, k, kn, nil, &value, &e); status != C.ESKER_NOT_FOUND { // which is no error
		if err := check(status, e); err != nil {
			return err
		}
		if text(C.esker_value_data(value, &n), n) != "hello" {
			return errors.New("wrong")
		}
		C.esker_value_free(value)
	}

	var iter *C.esker_iter
	if err := check(C.esker_iter_new(db, nil, nil, &iter, &e), e); err != nil {
		return err
	}
	defer C.esker_iter_free(iter) // also after the close
	for C.esker_iter_seek_to_first(iter); C.esker_iter_valid(iter) != 0; C.esker_iter_next(iter) {
		key := text(C.esker_iter_key(iter, &n), n)
		fmt.Println(key, "=", text(C.esker_iter_value(iter, &n), n))
	}
	if err := check(C.esker_iter_status(iter, &e), e); err != nil { // the loop also ends on an error
		return err
	}
	return check(C.esker_close(db, &e), e)
}

func main() {
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}
