#!/usr/bin/env bash
# Writes include/esker.cdef from include/esker.h: the same declarations without a preprocessor, for runtimes whose FFI reads C
# declarations but no macros (LuaJIT's ffi.cdef, PHP's FFI::cdef, cffi's ffi.cdef). Constants become an enum.
#   --check    writes nothing; fails if the committed file is not what the header says
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

generate() {
  cat <<'TOP'
// esker.cdef: the declarations of esker.h without macros, for LuaJIT (ffi.cdef), PHP (FFI::cdef) and others that read C.
// Written from esker.h by scripts/cdef.sh. What everything means stands in esker.h.

TOP
  # Comments go first: they hold an example program with lines that look like code. One declaration may take many lines.
  awk '
    {
      line = $0; out = ""
      while (line != "") {
        if (inside) {
          at = index(line, "*/")
          if (at == 0) { line = ""; break }
          line = substr(line, at + 2); inside = 0
        } else {
          at = index(line, "/*")
          if (at == 0) { out = out line; line = ""; break }
          out = out substr(line, 1, at - 1); line = substr(line, at + 2); inside = 1
        }
      }
      sub(/[ \t]+$/, "", out)
      if (out ~ /^[ \t]*$/) next
      # Text and numbers beyond an int cannot be an enum: the version as text, and ESKER_NO_OFFSET, all bits set.
      if (out ~ /^#define ESKER_[A-Z_]+ -?[0-9]+$/) {
        split(out, word, " ")
        constants = constants "  " word[2] " = " word[3] ",\n"
        next
      }
      if (out ~ /^#/ || out ~ /^extern "C"/ || out == "}") next
      declarations = declarations out "\n"
    }
    END { printf "enum {\n%s};\n\n%s", substr(constants, 1, length(constants) - 2) "\n", declarations }
  ' include/esker.h
}

if [ "${1:-}" = --check ]; then
  generate | diff -u include/esker.cdef - || { echo "include/esker.cdef is not what esker.h says; scripts/cdef.sh rewrites it"; exit 1; }
else
  generate >include/esker.cdef
fi
