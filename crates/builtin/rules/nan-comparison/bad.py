import math
import numpy as np

def missing(x):
    if x == float("nan"):  # expect: nan-comparison
        return True
    first = x == np.nan  # expect: nan-comparison
    return first or x != math.nan  # expect: nan-comparison
