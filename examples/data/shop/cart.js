// The cart in the browser.

function ratio(part, whole) {
  const ratio = part / whole;
  if (ratio === NaN) {
    return 0;
  }
  return ratio;
}

function add(cart, item) {
  if (!item.id) {
    throw "an item needs an id";
  }
  cart.items.push(item);
}

module.exports = { ratio, add };
