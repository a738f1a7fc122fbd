// Esker from C# by P/Invoke: the steps of tests/dlopen/steps.txt.   Runs on Mono and .NET.
//   mcs Check.cs && LD_LIBRARY_PATH=… mono Check.exe LIBRARY DIRECTORY    (the loader finds the library, the argument is not used)
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;

static class Esker {
    const string Library = "libesker.so.0";
    // A handle is an IntPtr, size_t an ulong on the 64-bit systems that Esker runs on. A string that Esker owns comes as an
    // IntPtr too: declared as string, the marshaller would free it.
    [DllImport(Library)] public static extern IntPtr esker_version();
    [DllImport(Library)] public static extern uint esker_version_number();
    [DllImport(Library)] public static extern uint esker_abi_version();
    [DllImport(Library)] public static extern IntPtr esker_status_name(int status);
    [DllImport(Library)] public static extern int esker_error_code(IntPtr error);
    [DllImport(Library)] public static extern IntPtr esker_error_message(IntPtr error);
    [DllImport(Library)] public static extern IntPtr esker_error_file(IntPtr error);
    [DllImport(Library)] public static extern void esker_error_free(IntPtr error);
    [DllImport(Library)] public static extern IntPtr esker_options_new();
    [DllImport(Library)] public static extern int esker_options_set(IntPtr o, string name, string value, out IntPtr error);
    [DllImport(Library)] public static extern void esker_options_free(IntPtr o);
    [DllImport(Library)] public static extern int esker_open(string path, IntPtr o, out IntPtr db, out IntPtr error);
    [DllImport(Library)] public static extern int esker_close(IntPtr db, out IntPtr error);
    [DllImport(Library)] public static extern int esker_put(IntPtr db, IntPtr cf, byte[] k, ulong kn, byte[] v, ulong vn, IntPtr o, out IntPtr error);
    [DllImport(Library)] public static extern int esker_get(IntPtr db, IntPtr cf, byte[] k, ulong kn, IntPtr o, out IntPtr value, out IntPtr error);
    [DllImport(Library)] public static extern int esker_delete(IntPtr db, IntPtr cf, byte[] k, ulong kn, IntPtr o, out IntPtr error);
    [DllImport(Library)] public static extern IntPtr esker_value_data(IntPtr value, out ulong len);
    [DllImport(Library)] public static extern void esker_value_free(IntPtr value);
    [DllImport(Library)] public static extern IntPtr esker_batch_new();
    [DllImport(Library)] public static extern int esker_batch_put(IntPtr b, IntPtr cf, byte[] k, ulong kn, byte[] v, ulong vn, out IntPtr error);
    [DllImport(Library)] public static extern int esker_batch_delete(IntPtr b, IntPtr cf, byte[] k, ulong kn, out IntPtr error);
    [DllImport(Library)] public static extern ulong esker_batch_count(IntPtr b);
    [DllImport(Library)] public static extern void esker_batch_free(IntPtr b);
    [DllImport(Library)] public static extern int esker_write(IntPtr db, IntPtr b, IntPtr o, out IntPtr error);
    [DllImport(Library)] public static extern int esker_snapshot_new(IntPtr db, out IntPtr snapshot, out IntPtr error);
    [DllImport(Library)] public static extern void esker_snapshot_free(IntPtr snapshot);
    [DllImport(Library)] public static extern IntPtr esker_read_options_new();
    [DllImport(Library)] public static extern int esker_read_options_set_snapshot(IntPtr o, IntPtr snapshot);
    [DllImport(Library)] public static extern int esker_read_options_set_prefix(IntPtr o, byte[] prefix, ulong n);
    [DllImport(Library)] public static extern void esker_read_options_free(IntPtr o);
    [DllImport(Library)] public static extern int esker_iter_new(IntPtr db, IntPtr cf, IntPtr o, out IntPtr iter, out IntPtr error);
    [DllImport(Library)] public static extern int esker_iter_seek_to_first(IntPtr iter);
    [DllImport(Library)] public static extern int esker_iter_next(IntPtr iter);
    [DllImport(Library)] public static extern byte esker_iter_valid(IntPtr iter);
    [DllImport(Library)] public static extern IntPtr esker_iter_key(IntPtr iter, out ulong len);
    [DllImport(Library)] public static extern IntPtr esker_iter_value(IntPtr iter, out ulong len);
    [DllImport(Library)] public static extern int esker_iter_status(IntPtr iter, out IntPtr error);
    [DllImport(Library)] public static extern int esker_iter_next_many(IntPtr iter, byte[] buf, ulong cap, ulong max, out ulong bytes, out ulong entries, out IntPtr error);
    [DllImport(Library)] public static extern void esker_iter_free(IntPtr iter);
    [DllImport(Library)] public static extern int esker_cf_create(IntPtr db, string name, IntPtr o, out IntPtr cf, out IntPtr error);
    [DllImport(Library)] public static extern int esker_cf_open(IntPtr db, string name, out IntPtr cf, out IntPtr error);
    [DllImport(Library)] public static extern IntPtr esker_cf_name(IntPtr cf);
    [DllImport(Library)] public static extern void esker_cf_free(IntPtr cf);
    [DllImport(Library)] public static extern int esker_cf_list(IntPtr db, out IntPtr names, out IntPtr error);
    [DllImport(Library)] public static extern ulong esker_names_count(IntPtr names);
    [DllImport(Library)] public static extern IntPtr esker_names_at(IntPtr names, ulong at);
    [DllImport(Library)] public static extern void esker_names_free(IntPtr names);
}

static class Program {
    const int OK = 0, NOT_FOUND = 1, INVALID_ARGUMENT = 2, CLOSED = 5, TOO_SMALL = 15;
    static readonly IntPtr NULL = IntPtr.Zero;
    static readonly Encoding Latin = Encoding.GetEncoding("iso-8859-1");
    static IntPtr error;

    static void Check(bool holds) {
        if (!holds) throw new Exception("does not hold");
    }

    static string Text(IntPtr text) { return Marshal.PtrToStringAnsi(text); }

    static void Must(int status) {
        if (status == OK) return;
        throw new Exception(Text(error == NULL ? Esker.esker_status_name(status) : Esker.esker_error_message(error)));
    }

    static byte[] B(string text) { return Latin.GetBytes(text); }

    static ulong Len(byte[] bytes) { return (ulong)bytes.Length; }

    /// Bytes lent by the library, copied.
    static byte[] Copied(IntPtr data, ulong length) {
        byte[] copy = new byte[length];
        if (length > 0) Marshal.Copy(data, copy, 0, (int)length);
        return copy;
    }

    static byte[] Data(IntPtr value) {
        ulong length;
        IntPtr data = Esker.esker_value_data(value, out length);
        return Copied(data, length);
    }

    static void Put(IntPtr db, string key, string value, IntPtr family) {
        byte[] k = B(key), v = B(value);
        Must(Esker.esker_put(db, family, k, Len(k), v, Len(v), NULL, out error));
    }

    static byte[] Get(IntPtr db, byte[] key, IntPtr family, IntPtr options) {
        IntPtr value;
        int status = Esker.esker_get(db, family, key, Len(key), options, out value, out error);
        if (status == NOT_FOUND) {
            Check(value == NULL && error == NULL); // an absent key is no error
            return null;
        }
        Must(status);
        byte[] found = Data(value);
        Esker.esker_value_free(value);
        return found;
    }

    static bool Is(byte[] found, string wanted) {
        return wanted == null ? found == null : found != null && found.SequenceEqual(B(wanted));
    }

    static bool Is(IntPtr db, string key, string wanted) { return Is(Get(db, B(key), NULL, NULL), wanted); }

    static void Done(string step) { Console.WriteLine(step); }

    static void Main(string[] arguments) {
        string directory = arguments[1], path = directory + "/db";

        Check(Esker.esker_abi_version() == 0);
        uint[] version = Text(Esker.esker_version()).Split('.').Select(uint.Parse).ToArray();
        Check(Esker.esker_version_number() == 1000000 * version[0] + 1000 * version[1] + version[2]);
        Done("version");

        IntPtr db, none, settings = Esker.esker_options_new();
        Check(Esker.esker_options_set(settings, "memory_budjet", "16MiB", out error) == INVALID_ARGUMENT);
        Check(Text(Esker.esker_error_message(error)).Contains("memory_budget"));
        Esker.esker_error_free(error);
        Must(Esker.esker_options_set(settings, "memory_budget", "16MiB", out error));
        Must(Esker.esker_open(path, settings, out db, out error));
        Esker.esker_options_free(settings);
        Done("options");

        Put(db, "a\0b", "\0x\0\u00ff", NULL);
        Put(db, "empty", "", NULL);
        Check(Is(db, "a\0b", "\0x\0\u00ff"));
        Check(Is(db, "a", null));
        Check(Is(db, "empty", ""));
        Must(Esker.esker_delete(db, NULL, B("empty"), 5, NULL, out error));
        Check(Is(db, "empty", null));
        Done("bytes");

        string file = directory + "/a file";
        File.WriteAllText(file, "not a directory");
        int status = Esker.esker_open(file, NULL, out none, out error);
        Check(status == INVALID_ARGUMENT && none == NULL);
        Check(Esker.esker_error_code(error) == status && Text(Esker.esker_status_name(status)) == "INVALID_ARGUMENT");
        Check(Text(Esker.esker_error_message(error)).Contains("a file"));
        Check(Text(Esker.esker_error_file(error)).Contains("a file"));
        Esker.esker_error_free(error);
        Done("error");

        Put(db, "batch/old", "1", NULL);
        IntPtr batch = Esker.esker_batch_new();
        Must(Esker.esker_batch_put(batch, NULL, B("batch/a"), 7, B("A\0"), 2, out error));
        Must(Esker.esker_batch_put(batch, NULL, B("batch/b"), 7, B("B"), 1, out error));
        Must(Esker.esker_batch_delete(batch, NULL, B("batch/old"), 9, out error));
        Check(Esker.esker_batch_count(batch) == 3);
        for (int i = 0; i < 2; i++) Must(Esker.esker_write(db, batch, NULL, out error)); // a batch can be written again
        Esker.esker_batch_free(batch);
        Check(Is(db, "batch/a", "A\0") && Is(db, "batch/b", "B") && Is(db, "batch/old", null));
        Done("batch");

        // Every character from U+0020 to U+07FF: the key is its code point, the value its UTF-8 and its number.
        var table = Enumerable.Range(0x20, 0x800 - 0x20).Select(c => new KeyValuePair<byte[], byte[]>(
            B("U+" + c.ToString("X4")), Encoding.UTF8.GetBytes(char.ConvertFromUtf32(c) + "\t" + c))).ToList();
        Unicode(db, table);
        Done("unicode");
        Chunks(db, table);
        Done("chunks");
        Snapshot(db);
        Done("snapshot");
        Family(db);
        Done("family");
        Closing(db, path, table.Last());
    }

    static void Unicode(IntPtr db, List<KeyValuePair<byte[], byte[]>> table) {
        IntPtr batch = Esker.esker_batch_new();
        foreach (var e in table) Must(Esker.esker_batch_put(batch, NULL, e.Key, Len(e.Key), e.Value, Len(e.Value), out error));
        Must(Esker.esker_write(db, batch, NULL, out error));
        Esker.esker_batch_free(batch);
        foreach (var e in table) Check(Get(db, e.Key, NULL, NULL).SequenceEqual(e.Value));
    }

    static void Chunks(IntPtr db, List<KeyValuePair<byte[], byte[]>> table) {
        IntPtr iter, options = Esker.esker_read_options_new();
        Must(Esker.esker_read_options_set_prefix(options, B("U+"), 2));
        Must(Esker.esker_iter_new(db, NULL, options, out iter, out error));
        Esker.esker_read_options_free(options);
        Must(Esker.esker_iter_seek_to_first(iter));
        byte[] buffer = new byte[1000];
        ulong size, count;
        Check(Esker.esker_iter_next_many(iter, buffer, 4, 100, out size, out count, out error) == TOO_SMALL);
        Check(size == 8 + 6 + 4 && count == 0);
        Esker.esker_error_free(error);
        int found = 0, calls = 0;
        for (;; calls++) {
            Must(Esker.esker_iter_next_many(iter, buffer, 1000, 100, out size, out count, out error));
            if (count == 0) break;
            int at = 0;
            for (ulong i = 0; i < count; i++, found++) {
                int key = BitConverter.ToInt32(buffer, at), value = BitConverter.ToInt32(buffer, at + 4); // little-endian
                Check(buffer.Skip(at + 8).Take(key).SequenceEqual(table[found].Key));
                Check(buffer.Skip(at + 8 + key).Take(value).SequenceEqual(table[found].Value));
                at += 8 + key + value;
            }
            Check((ulong)at == size);
        }
        Check(found == table.Count && calls > 20);
        Esker.esker_iter_free(iter);
    }

    static void Snapshot(IntPtr db) {
        IntPtr snapshot, iter;
        ulong length;
        Put(db, "snap/1", "before", NULL);
        Must(Esker.esker_snapshot_new(db, out snapshot, out error));
        Put(db, "snap/1", "after", NULL);
        Put(db, "snap/2", "after", NULL);
        IntPtr options = Esker.esker_read_options_new();
        Must(Esker.esker_read_options_set_snapshot(options, snapshot));
        Must(Esker.esker_read_options_set_prefix(options, B("snap/"), 5));
        Check(Is(Get(db, B("snap/1"), NULL, options), "before") && Is(db, "snap/1", "after"));
        Must(Esker.esker_iter_new(db, NULL, options, out iter, out error));
        Must(Esker.esker_iter_seek_to_first(iter));
        IntPtr data = Esker.esker_iter_key(iter, out length);
        Check(Is(Copied(data, length), "snap/1"));
        data = Esker.esker_iter_value(iter, out length);
        Check(Is(Copied(data, length), "before"));
        Must(Esker.esker_iter_next(iter));
        Check(Esker.esker_iter_valid(iter) == 0);
        Esker.esker_iter_free(iter);
        Esker.esker_read_options_free(options);
        Esker.esker_snapshot_free(snapshot);
    }

    static void Family(IntPtr db) {
        IntPtr notes, names, again;
        Must(Esker.esker_cf_create(db, "notes", NULL, out notes, out error));
        Put(db, "note", "in notes", notes);
        Check(Is(Get(db, B("note"), notes, NULL), "in notes") && Is(db, "note", null));
        Check(Get(db, B("a\0b"), notes, NULL) == null);
        Must(Esker.esker_cf_list(db, out names, out error));
        Check(Esker.esker_names_count(names) == 2);
        Check(Text(Esker.esker_names_at(names, 0)) == "default" && Text(Esker.esker_names_at(names, 1)) == "notes");
        Esker.esker_names_free(names);
        Must(Esker.esker_cf_open(db, "notes", out again, out error));
        Check(Text(Esker.esker_cf_name(again)) == "notes" && Is(Get(db, B("note"), again, NULL), "in notes"));
        Esker.esker_cf_free(again);
        Esker.esker_cf_free(notes);
    }

    static void Closing(IntPtr db, string path, KeyValuePair<byte[], byte[]> last) {
        IntPtr snapshot, iter, value, notes, none, again, family;
        Must(Esker.esker_snapshot_new(db, out snapshot, out error));
        Must(Esker.esker_iter_new(db, NULL, NULL, out iter, out error));
        Must(Esker.esker_iter_seek_to_first(iter));
        Must(Esker.esker_get(db, NULL, B("a\0b"), 3, NULL, out value, out error));
        Must(Esker.esker_cf_open(db, "notes", out notes, out error));
        Must(Esker.esker_close(db, out error));
        Check(Esker.esker_put(db, notes, B("k"), 1, B("v"), 1, NULL, out error) == CLOSED);
        Check(Esker.esker_error_code(error) == CLOSED && Text(Esker.esker_error_message(error)) != "");
        Esker.esker_error_free(error);
        Check(Esker.esker_get(db, NULL, B("k"), 1, NULL, out none, out error) == CLOSED && none == NULL);
        Esker.esker_error_free(error);
        Check(Esker.esker_iter_next(iter) == CLOSED && Esker.esker_iter_status(iter, out error) == CLOSED);
        Esker.esker_error_free(error);
        Check(Esker.esker_snapshot_new(db, out none, out error) == CLOSED);
        Esker.esker_error_free(error);
        Check(Esker.esker_close(db, out error) == CLOSED);
        Esker.esker_error_free(error);
        Check(Is(Data(value), "\0x\0\u00ff"));
        Done("closing");

        Must(Esker.esker_open(path, NULL, out again, out error));
        Check(Is(again, "a\0b", "\0x\0\u00ff") && Get(again, last.Key, NULL, NULL).SequenceEqual(last.Value));
        Must(Esker.esker_cf_open(again, "notes", out family, out error));
        Check(Is(Get(again, B("note"), family, NULL), "in notes"));
        Esker.esker_cf_free(family);
        Esker.esker_value_free(value);
        Esker.esker_cf_free(notes);
        Esker.esker_iter_free(iter);
        Esker.esker_snapshot_free(snapshot);
        Must(Esker.esker_close(again, out error));
        Done("reopen");
    }
}
