const load = async (read) => JSON.parse(await read("a.json"));
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const guarded = (read) =>
  new Promise(async (resolve, reject) => {
    try {
      resolve(await read());
    } catch (error) {
      reject(error);
    }
  });
const text = "new Promise(async () => {})"; // new Promise(async () => {})
