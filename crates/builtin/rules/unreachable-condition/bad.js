function name(n, text) {
  if (n === 1) return "one";
  else if (n === 2) return "two";
  else if (n === 1) return "three"; // expect: unreachable-condition
  else if (text.length) return "text";
  else if (text.length) return "more"; // expect: unreachable-condition
}
