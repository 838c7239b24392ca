const colours = {
  red: "#f00",
  green: "#0f0",
  red: "#00f", // expect: repeated-key
};
