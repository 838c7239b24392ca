class Shape:
    def area(self):
        raise NotImplemented  # expect: raised-non-error

    def name(self):
        raise NotImplemented("name")  # expect: raised-non-error

    def draw(self):
        raise "not yet"  # expect: raised-non-error
