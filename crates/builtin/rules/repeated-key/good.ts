const colours = {
  red: { red: 1 },
  green: { red: 1 },
  get blue() { return 1; },
  set blue(value) {},
  [red]: 1,
  [green]: 2,
};
