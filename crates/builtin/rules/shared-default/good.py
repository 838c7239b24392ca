def show(names=[], options={}):
    for name in names:
        print(name, options.get(name))

def own(tags=[]):
    tags = list(tags)
    tags.append("x")
    return tags

def fib(n, cache={}):
    if n not in cache:
        cache[n] = fib(n - 1) + fib(n - 2) if n > 1 else n
    return cache[n]

def wrap(items=[]):
    def add(items):
        items.append(1)
    return add

class Constant:
    def __init__(self, names=["a", "b"]):
        self.names = names

    def first(self):
        return self.names[0]

def fresh(items=None):
    items = [] if items is None else items
    items.append(1)
