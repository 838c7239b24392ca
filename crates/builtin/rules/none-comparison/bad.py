def load(path, mode):
    if path == None:  # expect: none-comparison
        return
    while mode != None:  # expect: none-comparison
        mode = mode.next
    if mode and path == None:  # expect: none-comparison
        pass
    assert path != None  # expect: none-comparison
