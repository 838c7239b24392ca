function find(name) {
  if (!name) throw "no name"; // expect: raised-non-error
  if (name.length > 9) {
    throw `long name ${name}`; // expect: raised-non-error
  }
  throw "no such user " + name; // expect: raised-non-error
}
