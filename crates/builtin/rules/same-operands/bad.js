function inside(a, b) {
  if (a.start && a.start) return b; // expect: same-operands
  return a.length < a.length; // expect: same-operands
}
