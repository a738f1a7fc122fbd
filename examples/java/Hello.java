// Esker from Java: the shared library by JNA.   java -cp /usr/share/java/jna.jar Hello.java DIRECTORY
import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;

public class Hello {
    /** The functions used here; size_t is a long. */
    public interface Esker extends Library {
        int NOT_FOUND = 1;
        int esker_open(String path, Pointer options, PointerByReference db, PointerByReference error);
        int esker_close(Pointer db, PointerByReference error);
        int esker_put(Pointer db, Pointer cf, byte[] key, long keyLen, byte[] value, long valueLen, Pointer options, PointerByReference error);
        int esker_get(Pointer db, Pointer cf, byte[] key, long keyLen, Pointer options, PointerByReference value, PointerByReference error);
        Pointer esker_value_data(Pointer value, long[] len);
        void esker_value_free(Pointer value);
        int esker_iter_new(Pointer db, Pointer cf, Pointer options, PointerByReference iter, PointerByReference error);
        int esker_iter_seek_to_first(Pointer iter);
        int esker_iter_next(Pointer iter);
        byte esker_iter_valid(Pointer iter);
        Pointer esker_iter_key(Pointer iter, long[] len);
        Pointer esker_iter_value(Pointer iter, long[] len);
        int esker_iter_status(Pointer iter, PointerByReference error);
        void esker_iter_free(Pointer iter);
        String esker_error_message(Pointer error);
        void esker_error_free(Pointer error);
    }

    static final Esker esker = Native.load("libesker.so.0", Esker.class);

    /** Turns a failure into an exception with Esker's own message. */
    static void must(int status, PointerByReference error) {
        if (status == 0) return;
        String message = esker.esker_error_message(error.getValue());
        esker.esker_error_free(error.getValue());
        throw new RuntimeException(message);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Copies bytes that are borrowed: they are gone with the next move, or the value's end. */
    static String text(Pointer data, long[] length) {
        return new String(data.getByteArray(0, (int) length[0]), StandardCharsets.UTF_8);
    }

    public static void main(String[] arguments) {
        PointerByReference out = new PointerByReference(), error = new PointerByReference();
        long[] length = new long[1];
        must(esker.esker_open(arguments[0], null, out, error), error);
        Pointer db = out.getValue();

        String[][] entries = {{"greeting", "hello"}, {"user/1", "Ada"}, {"user/2", "Grace"}};
        for (String[] entry : entries) {
            byte[] key = bytes(entry[0]), value = bytes(entry[1]);
            must(esker.esker_put(db, null, key, key.length, value, value.length, null, error), error);
        }

        int status = esker.esker_get(db, null, bytes("greeting"), 8, null, out, error);
        if (status != Esker.NOT_FOUND) { // which is no error
            must(status, error);
            if (!text(esker.esker_value_data(out.getValue(), length), length).equals("hello")) throw new RuntimeException();
            esker.esker_value_free(out.getValue());
        }

        must(esker.esker_iter_new(db, null, null, out, error), error);
        Pointer iter = out.getValue();
        for (esker.esker_iter_seek_to_first(iter); esker.esker_iter_valid(iter) != 0; esker.esker_iter_next(iter)) {
            String key = text(esker.esker_iter_key(iter, length), length);
            System.out.println(key + " = " + text(esker.esker_iter_value(iter, length), length));
        }
        must(esker.esker_iter_status(iter, error), error); // the loop also ends on an error
        esker.esker_iter_free(iter);
        must(esker.esker_close(db, error), error);
    }
}
