function pick(left, right, a) {
  if (left) { a.one(); } else { a.two(); }
  if (left) {
    // the left side counts from one
    return 1;
  } else {
    return 1;
  }
  if (left) { return 1; } else if (right) { return 2; } else { return 2; }
  if (left) {} else {}
  return left ? a : right;
}
