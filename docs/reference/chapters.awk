# What doxygen reads in place of a header: the same lines at the same numbers, with its plain comments made doxygen's.
#   the comment at the top            is about the file
#   /* ---- Title ------ … */ of C    begins a chapter, which ends where the next one begins
# One line is held back, because the empty line before a banner is where a chapter ends.

function put(line) {
  if (NR > 1) print held
  held = line
}

# Angle brackets would be tags: esker_<type>_<verb>. And " *  9." is to stand below " * 10." for people, beside it for doxygen.
top {
  if (!/^ \*     /) { gsub(/</, "\\<"); gsub(/>/, "\\>") }
  sub(/^ \* 1[0-9]\. /, " * &"); sub(/^ \*  \* /, " *  ")
  put($0)
  if (/^ \*\//) top = 0
  next
}
NR == 1 && $0 == "/*" {
  name = FILENAME
  sub(/.*\//, "", name)
  put("/** @file " name)
  top = 1
  next
}
NR == 1 {
  # A part: one line, "/* esker/part.hpp: what is in it. */".
  sub(/^\/\* esker\//, "/** @file ")
  sub(/: /, " ")
}
/^\/\* ---- / {
  if (chapter) held = "/** @} */"
  title = $0
  sub(/^\/\* ---- /, "", title)
  sub(/ -+$/, "", title)
  name = tolower(title)
  gsub(/[^a-z]+/, "_", name)
  put("/** @defgroup chapter_" name " " title)
  chapter = 1
  banner = 1
  next
}
banner && /^ \*\// {
  put($0)
  banner = 0
  opening = 1
  next
}
opening {
  put("/** @{ */")
  opening = 0
  next
}
chapter && /^#ifdef __cplusplus/ {
  held = "/** @} */"
  chapter = 0
}
{ put($0) }
END { print held }
