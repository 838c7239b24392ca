function pick(users, id) {
  const first = users.filter((user) => user.id === id)[0]; // expect: needless-collection
  const some = users.filter((user) => user.ok).length > 0; // expect: needless-collection
  return [first, some];
}
