function name(n, reader) {
  if (n === 1) {
    if (n === 1) return "one";
  } else if (n === 2) return "two";
  else if (reader.advance()) return "a";
  else if (reader.advance()) return "b";
  if (n === 1) return "else if (n === 1)";
}
