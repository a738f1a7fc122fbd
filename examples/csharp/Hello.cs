// Esker from C#: the shared library by P/Invoke.   mcs Hello.cs && mono Hello.exe DIRECTORY   (or in a .NET project)
using System;
using System.Runtime.InteropServices;
using System.Text;

static class Hello {
    const string Esker = "libesker.so.0";
    const int NOT_FOUND = 1;
    // size_t is an ulong. Texts and bytes that Esker owns come as IntPtr: a string would be freed by the marshaller.
    [DllImport(Esker)] static extern int esker_open(string path, IntPtr options, out IntPtr db, out IntPtr error);
    [DllImport(Esker)] static extern int esker_close(IntPtr db, out IntPtr error);
    [DllImport(Esker)] static extern int esker_put(IntPtr db, IntPtr cf, byte[] key, ulong keyLen, byte[] value, ulong valueLen, IntPtr options, out IntPtr error);
    [DllImport(Esker)] static extern int esker_get(IntPtr db, IntPtr cf, byte[] key, ulong keyLen, IntPtr options, out IntPtr value, out IntPtr error);
    [DllImport(Esker)] static extern IntPtr esker_value_data(IntPtr value, out ulong len);
    [DllImport(Esker)] static extern void esker_value_free(IntPtr value);
    [DllImport(Esker)] static extern int esker_iter_new(IntPtr db, IntPtr cf, IntPtr options, out IntPtr iter, out IntPtr error);
    [DllImport(Esker)] static extern int esker_iter_seek_to_first(IntPtr iter);
    [DllImport(Esker)] static extern int esker_iter_next(IntPtr iter);
    [DllImport(Esker)] static extern byte esker_iter_valid(IntPtr iter);
    [DllImport(Esker)] static extern IntPtr esker_iter_key(IntPtr iter, out ulong len);
    [DllImport(Esker)] static extern IntPtr esker_iter_value(IntPtr iter, out ulong len);
    [DllImport(Esker)] static extern int esker_iter_status(IntPtr iter, out IntPtr error);
    [DllImport(Esker)] static extern void esker_iter_free(IntPtr iter);
    [DllImport(Esker)] static extern IntPtr esker_error_message(IntPtr error);
    [DllImport(Esker)] static extern void esker_error_free(IntPtr error);

    /// Turns a failure into an exception with Esker's own message.
    static void Must(int status, IntPtr error) {
        if (status == 0) return;
        string message = Marshal.PtrToStringAnsi(esker_error_message(error));
        esker_error_free(error);
        throw new Exception(message);
    }

    static byte[] Bytes(string text) { return Encoding.UTF8.GetBytes(text); }

    /// Copies bytes that are borrowed: they are gone with the next move, or the value's end.
    static string Copy(IntPtr data, ulong length) {
        byte[] copy = new byte[length];
        if (length > 0) Marshal.Copy(data, copy, 0, (int)length);
        return Encoding.UTF8.GetString(copy);
    }

    static void Main(string[] arguments) {
        IntPtr db, value, iter, error, none = IntPtr.Zero;
        ulong length;
        Must(esker_open(arguments[0], none, out db, out error), error);
        foreach (string[] entry in new[] { new[] { "greeting", "hello" }, new[] { "user/1", "Ada" }, new[] { "user/2", "Grace" } }) {
            byte[] k = Bytes(entry[0]), v = Bytes(entry[1]);
            Must(esker_put(db, none, k, (ulong)k.Length, v, (ulong)v.Length, none, out error), error);
        }

        int status = esker_get(db, none, Bytes("greeting"), 8, none, out value, out error);
        if (status != NOT_FOUND) { // which is no error
            Must(status, error);
            IntPtr data = esker_value_data(value, out length);
            if (Copy(data, length) != "hello") throw new Exception("wrong");
            esker_value_free(value);
        }

        Must(esker_iter_new(db, none, none, out iter, out error), error);
        for (esker_iter_seek_to_first(iter); esker_iter_valid(iter) != 0; esker_iter_next(iter)) {
            IntPtr key = esker_iter_key(iter, out length);
            string text = Copy(key, length);
            IntPtr data = esker_iter_value(iter, out length);
            Console.WriteLine(text + " = " + Copy(data, length));
        }
        Must(esker_iter_status(iter, out error), error); // the loop also ends on an error
        esker_iter_free(iter);
        Must(esker_close(db, out error), error);
    }
}
