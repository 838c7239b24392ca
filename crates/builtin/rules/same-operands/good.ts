function inside(a, b) {
  // a && a
  return (a && b) || (a.next() && a.next()) || a !== a || "a && a" || a++ < a++;
}
