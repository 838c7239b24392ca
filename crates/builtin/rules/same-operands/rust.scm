((binary_expression left: (_) @a operator: ["&&" "||" "<" ">" "<=" ">=" "|" "&"] right: (_) @b) @found
 (#same? @a @b)
 (#has-no? @a "integer_literal" "boolean_literal" "float_literal" "let_condition")
 (#pure? @a))
