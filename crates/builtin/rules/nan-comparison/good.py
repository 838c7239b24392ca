import math
import numpy as np

def missing(x, nan):
    return math.isnan(x) or x is np.nan or x != x or x == nan or x == float("inf")
