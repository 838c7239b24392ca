function missing(x) {
  // x === NaN
  return Number.isNaN(x) || x !== x || x === "NaN";
}
