; `==` and `!=` with None on the right, where a truth value is wanted.
([
  (if_statement condition: (comparison_operator . (_) @left . "==" . (none) .) @found)
  (elif_clause condition: (comparison_operator . (_) @left . "==" . (none) .) @found)
  (while_statement condition: (comparison_operator . (_) @left . "==" . (none) .) @found)
  (assert_statement . (comparison_operator . (_) @left . "==" . (none) .) @found)
  (not_operator argument: (comparison_operator . (_) @left . "==" . (none) .) @found)
  (boolean_operator (comparison_operator . (_) @left . "==" . (none) .) @found)
 ]
 (#not-inside? @found "subscript" "argument_list")
 (#set! fix "{left} is None"))

([
  (if_statement condition: (comparison_operator . (_) @left . "!=" . (none) .) @found)
  (elif_clause condition: (comparison_operator . (_) @left . "!=" . (none) .) @found)
  (while_statement condition: (comparison_operator . (_) @left . "!=" . (none) .) @found)
  (assert_statement . (comparison_operator . (_) @left . "!=" . (none) .) @found)
  (not_operator argument: (comparison_operator . (_) @left . "!=" . (none) .) @found)
  (boolean_operator (comparison_operator . (_) @left . "!=" . (none) .) @found)
 ]
 (#not-inside? @found "subscript" "argument_list")
 (#set! fix "{left} is not None"))
