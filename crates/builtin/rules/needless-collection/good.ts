function pick(users, id) {
  // users.filter((user) => user.id === id)[0]
  const first = users.find((user) => user.id === id);
  const items = $("li").filter(function () { return this.ok; })[0];
  const second = users.filter((user) => user.id === id)[1];
  const three = users.filter((user) => user.ok).length > 3;
  users.filter((user) => user.id === id)[0] = first;
  return [first, items, second, three, users.filter(Boolean)[0]];
}
