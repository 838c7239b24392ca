def tag(name, tags=[]):  # expect: shared-default
    tags.append(name)
    return tags

def count(word, counts: dict = {}):  # expect: shared-default
    counts[word] = counts.get(word, 0) + 1

class Box:
    def __init__(self, items=list()):  # expect: shared-default
        self.items = items

    def put(self, item):
        self.items.append(item)

def grow(more, all=[]):  # expect: shared-default
    all += more
