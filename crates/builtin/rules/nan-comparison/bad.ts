function missing(x) {
  if (x === NaN) return true; // expect: nan-comparison
  return x.y != Number.NaN; // expect: nan-comparison
}
