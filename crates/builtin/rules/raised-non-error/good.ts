function find(name, error) {
  if (!name) throw new Error("no name");
  // throw "no name";
  if (error) throw error;
  throw Object.assign(new Error("throw 'x'"), { name });
}
