function pick(left, a, b) {
  // expect-below: identical-branches
  if (left) {
    return a.next(b);
  } else {
    return a.next(b);
  }
  return left ? a.b : a.b; // expect: identical-branches
}
