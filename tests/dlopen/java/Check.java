// Esker from Java by JNA: the steps of tests/dlopen/steps.txt.
//   java -cp jna.jar Check.java LIBRARY DIRECTORY
import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

public class Check {
    static final int OK = 0, NOT_FOUND = 1, INVALID_ARGUMENT = 2, CLOSED = 5, TOO_SMALL = 15;

    /** The functions used here. size_t is long on the 64-bit systems that Esker runs on; long[1] receives one. */
    public interface Esker extends Library {
        String esker_version();
        int esker_version_number();
        int esker_abi_version();
        String esker_status_name(int status);
        int esker_error_code(Pointer error);
        String esker_error_message(Pointer error);
        String esker_error_file(Pointer error);
        void esker_error_free(Pointer error);
        Pointer esker_options_new();
        int esker_options_set(Pointer options, String name, String value, PointerByReference error);
        void esker_options_free(Pointer options);
        int esker_open(String path, Pointer options, PointerByReference db, PointerByReference error);
        int esker_close(Pointer db, PointerByReference error);
        int esker_put(Pointer db, Pointer cf, byte[] k, long kn, byte[] v, long vn, Pointer o, PointerByReference error);
        int esker_get(Pointer db, Pointer cf, byte[] k, long kn, Pointer o, PointerByReference value, PointerByReference error);
        int esker_delete(Pointer db, Pointer cf, byte[] k, long kn, Pointer o, PointerByReference error);
        Pointer esker_value_data(Pointer value, long[] len);
        void esker_value_free(Pointer value);
        Pointer esker_batch_new();
        int esker_batch_put(Pointer b, Pointer cf, byte[] k, long kn, byte[] v, long vn, PointerByReference error);
        int esker_batch_delete(Pointer b, Pointer cf, byte[] k, long kn, PointerByReference error);
        long esker_batch_count(Pointer b);
        void esker_batch_free(Pointer b);
        int esker_write(Pointer db, Pointer b, Pointer o, PointerByReference error);
        int esker_snapshot_new(Pointer db, PointerByReference snapshot, PointerByReference error);
        void esker_snapshot_free(Pointer snapshot);
        Pointer esker_read_options_new();
        int esker_read_options_set_snapshot(Pointer o, Pointer snapshot);
        int esker_read_options_set_prefix(Pointer o, byte[] prefix, long n);
        void esker_read_options_free(Pointer o);
        int esker_iter_new(Pointer db, Pointer cf, Pointer o, PointerByReference iter, PointerByReference error);
        int esker_iter_seek_to_first(Pointer iter);
        int esker_iter_next(Pointer iter);
        byte esker_iter_valid(Pointer iter);
        Pointer esker_iter_key(Pointer iter, long[] len);
        Pointer esker_iter_value(Pointer iter, long[] len);
        int esker_iter_status(Pointer iter, PointerByReference error);
        int esker_iter_next_many(Pointer iter, Pointer buf, long cap, long max, long[] bytes, long[] entries, PointerByReference error);
        void esker_iter_free(Pointer iter);
        int esker_cf_create(Pointer db, String name, Pointer o, PointerByReference cf, PointerByReference error);
        int esker_cf_open(Pointer db, String name, PointerByReference cf, PointerByReference error);
        String esker_cf_name(Pointer cf);
        void esker_cf_free(Pointer cf);
        int esker_cf_list(Pointer db, PointerByReference names, PointerByReference error);
        long esker_names_count(Pointer names);
        String esker_names_at(Pointer names, long at);
        void esker_names_free(Pointer names);
    }

    static Esker esker;

    static void check(boolean holds) {
        if (!holds) throw new AssertionError("does not hold");
    }

    static void must(int status) {
        if (status != OK) throw new AssertionError(esker.esker_status_name(status));
    }

    static void must(int status, PointerByReference error) {
        if (status != OK) throw new AssertionError(esker.esker_error_message(error.getValue()));
    }

    /** A call that makes something. */
    interface Making {
        int call(PointerByReference out, PointerByReference error);
    }

    static Pointer made(Making making) {
        PointerByReference out = new PointerByReference(), error = new PointerByReference();
        must(making.call(out, error), error);
        return out.getValue();
    }

    /** Bytes lent by the library, copied. */
    static byte[] copied(Pointer data, long[] length) {
        return data.getByteArray(0, (int) length[0]);
    }

    static byte[] data(Pointer value) {
        long[] length = new long[1];
        return copied(esker.esker_value_data(value, length), length);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    static void put(Pointer db, String key, String value, Pointer family) {
        byte[] k = bytes(key), v = bytes(value);
        must(esker.esker_put(db, family, k, k.length, v, v.length, null, null));
    }

    static byte[] get(Pointer db, byte[] key, Pointer family, Pointer options) {
        PointerByReference value = new PointerByReference(), error = new PointerByReference();
        int status = esker.esker_get(db, family, key, key.length, options, value, error);
        if (status == NOT_FOUND) {
            check(value.getValue() == null && error.getValue() == null); // an absent key is no error
            return null;
        }
        must(status, error);
        byte[] found = data(value.getValue());
        esker.esker_value_free(value.getValue());
        return found;
    }

    static boolean is(Pointer db, String key, String wanted) {
        return is(get(db, bytes(key), null, null), wanted);
    }

    static boolean is(byte[] found, String wanted) {
        return Arrays.equals(found, wanted == null ? null : bytes(wanted));
    }

    static void done(String step) {
        System.out.println(step);
    }

    /** An entry of the table. */
    record Entry(byte[] key, byte[] value) {}

    public static void main(String[] arguments) throws Exception {
        esker = Native.load(arguments[0], Esker.class);
        String directory = arguments[1], path = directory + "/db";

        check(esker.esker_abi_version() == 0);
        String[] version = esker.esker_version().split("\\.");
        check(esker.esker_version_number() == 1000000 * Integer.parseInt(version[0])
                + 1000 * Integer.parseInt(version[1]) + Integer.parseInt(version[2]));
        done("version");

        Pointer settings = esker.esker_options_new();
        PointerByReference error = new PointerByReference(), none = new PointerByReference();
        check(esker.esker_options_set(settings, "memory_budjet", "16MiB", error) == INVALID_ARGUMENT);
        check(esker.esker_error_message(error.getValue()).contains("memory_budget"));
        esker.esker_error_free(error.getValue());
        must(esker.esker_options_set(settings, "memory_budget", "16MiB", null));
        Pointer db = made((out, e) -> esker.esker_open(path, settings, out, e));
        esker.esker_options_free(settings);
        done("options");

        put(db, "a\0b", "\0x\0\u00ff", null);
        put(db, "empty", "", null);
        check(is(db, "a\0b", "\0x\0\u00ff"));
        check(is(db, "a", null));
        check(is(db, "empty", ""));
        must(esker.esker_delete(db, null, bytes("empty"), 5, null, null));
        check(is(db, "empty", null));
        done("bytes");

        String file = directory + "/a file";
        Files.writeString(Path.of(file), "not a directory");
        int status = esker.esker_open(file, null, none, error);
        check(status == INVALID_ARGUMENT && none.getValue() == null);
        check(esker.esker_error_code(error.getValue()) == status);
        check(esker.esker_status_name(status).equals("INVALID_ARGUMENT"));
        check(esker.esker_error_message(error.getValue()).contains("a file"));
        check(esker.esker_error_file(error.getValue()).contains("a file"));
        esker.esker_error_free(error.getValue());
        done("error");

        put(db, "batch/old", "1", null);
        Pointer batch = esker.esker_batch_new();
        must(esker.esker_batch_put(batch, null, bytes("batch/a"), 7, bytes("A\0"), 2, null));
        must(esker.esker_batch_put(batch, null, bytes("batch/b"), 7, bytes("B"), 1, null));
        must(esker.esker_batch_delete(batch, null, bytes("batch/old"), 9, null));
        check(esker.esker_batch_count(batch) == 3);
        for (int i = 0; i < 2; i++) must(esker.esker_write(db, batch, null, null)); // a batch can be written again
        esker.esker_batch_free(batch);
        check(is(db, "batch/a", "A\0") && is(db, "batch/b", "B") && is(db, "batch/old", null));
        done("batch");

        List<Entry> table = table();
        unicode(db, table);
        done("unicode");
        chunks(db, table);
        done("chunks");
        snapshot(db);
        done("snapshot");
        family(db);
        done("family");
        closing(db, path, table.get(table.size() - 1));
    }

    /** Every character from U+0020 to U+07FF: the key is its code point, the value its UTF-8 and its number. */
    static List<Entry> table() {
        List<Entry> table = new ArrayList<>();
        for (int c = 0x20; c < 0x800; c++) {
            byte[] value = (Character.toString(c) + "\t" + c).getBytes(StandardCharsets.UTF_8);
            table.add(new Entry(bytes(String.format("U+%04X", c)), value));
        }
        return table;
    }

    static void unicode(Pointer db, List<Entry> table) {
        Pointer batch = esker.esker_batch_new();
        for (Entry e : table) must(esker.esker_batch_put(batch, null, e.key, e.key.length, e.value, e.value.length, null));
        must(esker.esker_write(db, batch, null, null));
        esker.esker_batch_free(batch);
        for (Entry e : table) check(Arrays.equals(get(db, e.key, null, null), e.value));
    }

    static void chunks(Pointer db, List<Entry> table) {
        Pointer options = esker.esker_read_options_new();
        must(esker.esker_read_options_set_prefix(options, bytes("U+"), 2));
        Pointer iter = made((out, e) -> esker.esker_iter_new(db, null, options, out, e));
        esker.esker_read_options_free(options);
        must(esker.esker_iter_seek_to_first(iter));
        Memory buffer = new Memory(1000);
        long[] size = new long[1], count = new long[1];
        check(esker.esker_iter_next_many(iter, buffer, 4, 100, size, count, null) == TOO_SMALL);
        check(size[0] == 8 + 6 + 4 && count[0] == 0);
        int found = 0, calls = 0;
        for (;;) {
            must(esker.esker_iter_next_many(iter, buffer, 1000, 100, size, count, null));
            if (count[0] == 0) break;
            calls++;
            ByteBuffer packed = ByteBuffer.wrap(buffer.getByteArray(0, (int) size[0])).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < count[0]; i++) {
                byte[] key = new byte[packed.getInt()], value = new byte[packed.getInt()];
                packed.get(key).get(value);
                check(Arrays.equals(key, table.get(found).key) && Arrays.equals(value, table.get(found).value));
                found++;
            }
            check(!packed.hasRemaining());
        }
        check(found == table.size() && calls > 20);
        esker.esker_iter_free(iter);
    }

    static void snapshot(Pointer db) {
        put(db, "snap/1", "before", null);
        Pointer snapshot = made((out, e) -> esker.esker_snapshot_new(db, out, e));
        put(db, "snap/1", "after", null);
        put(db, "snap/2", "after", null);
        Pointer options = esker.esker_read_options_new();
        must(esker.esker_read_options_set_snapshot(options, snapshot));
        must(esker.esker_read_options_set_prefix(options, bytes("snap/"), 5));
        check(is(get(db, bytes("snap/1"), null, options), "before") && is(db, "snap/1", "after"));
        Pointer iter = made((out, e) -> esker.esker_iter_new(db, null, options, out, e));
        must(esker.esker_iter_seek_to_first(iter));
        long[] length = new long[1];
        check(is(copied(esker.esker_iter_key(iter, length), length), "snap/1"));
        check(is(copied(esker.esker_iter_value(iter, length), length), "before"));
        must(esker.esker_iter_next(iter));
        check(esker.esker_iter_valid(iter) == 0);
        esker.esker_iter_free(iter);
        esker.esker_read_options_free(options);
        esker.esker_snapshot_free(snapshot);
    }

    static void family(Pointer db) {
        Pointer notes = made((out, e) -> esker.esker_cf_create(db, "notes", null, out, e));
        put(db, "note", "in notes", notes);
        check(is(get(db, bytes("note"), notes, null), "in notes") && is(db, "note", null));
        check(get(db, bytes("a\0b"), notes, null) == null);
        Pointer names = made((out, e) -> esker.esker_cf_list(db, out, e));
        check(esker.esker_names_count(names) == 2);
        check(esker.esker_names_at(names, 0).equals("default") && esker.esker_names_at(names, 1).equals("notes"));
        esker.esker_names_free(names);
        Pointer again = made((out, e) -> esker.esker_cf_open(db, "notes", out, e));
        check(esker.esker_cf_name(again).equals("notes") && is(get(db, bytes("note"), again, null), "in notes"));
        esker.esker_cf_free(again);
        esker.esker_cf_free(notes);
    }

    static void closing(Pointer db, String path, Entry last) {
        Pointer snapshot = made((out, e) -> esker.esker_snapshot_new(db, out, e));
        Pointer iter = made((out, e) -> esker.esker_iter_new(db, null, null, out, e));
        must(esker.esker_iter_seek_to_first(iter));
        Pointer value = made((out, e) -> esker.esker_get(db, null, bytes("a\0b"), 3, null, out, e));
        Pointer notes = made((out, e) -> esker.esker_cf_open(db, "notes", out, e));
        must(esker.esker_close(db, null));
        PointerByReference error = new PointerByReference(), none = new PointerByReference();
        check(esker.esker_put(db, notes, bytes("k"), 1, bytes("v"), 1, null, error) == CLOSED);
        check(esker.esker_error_code(error.getValue()) == CLOSED);
        check(!esker.esker_error_message(error.getValue()).isEmpty());
        esker.esker_error_free(error.getValue());
        check(esker.esker_get(db, null, bytes("k"), 1, null, none, null) == CLOSED && none.getValue() == null);
        check(esker.esker_iter_next(iter) == CLOSED && esker.esker_iter_status(iter, null) == CLOSED);
        check(esker.esker_snapshot_new(db, none, null) == CLOSED);
        check(esker.esker_close(db, null) == CLOSED);
        check(is(data(value), "\0x\0\u00ff"));
        done("closing");

        Pointer again = made((out, e) -> esker.esker_open(path, null, out, e));
        check(is(again, "a\0b", "\0x\0\u00ff") && Arrays.equals(get(again, last.key, null, null), last.value));
        Pointer family = made((out, e) -> esker.esker_cf_open(again, "notes", out, e));
        check(is(get(again, bytes("note"), family, null), "in notes"));
        esker.esker_cf_free(family);
        esker.esker_value_free(value);
        esker.esker_cf_free(notes);
        esker.esker_iter_free(iter);
        esker.esker_snapshot_free(snapshot);
        must(esker.esker_close(again, null));
        done("reopen");
    }
}
