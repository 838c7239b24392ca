((comparison_operator . (_) . ["==" "!="] . (call function: (identifier) @float arguments: (argument_list . (string) @text .)) .) @found
 (#eq? @float "float")
 (#match? @text "^.(?i:nan).$"))

((comparison_operator . (_) . ["==" "!="] . (attribute) @nan .) @found
 (#any-of? @nan "math.nan" "np.nan" "np.NaN" "numpy.nan" "numpy.NaN"))
