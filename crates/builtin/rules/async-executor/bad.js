const load = (read) =>
  new Promise(async (resolve) => { // expect: async-executor
    resolve(JSON.parse(await read("a.json")));
  });
const save = (write) =>
  new Promise(async function (resolve, reject) { // expect: async-executor
    await write();
    resolve();
  });
