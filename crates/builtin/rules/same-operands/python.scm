((boolean_operator left: (_) @a right: (_) @b) @found
 (#same? @a @b)
 (#pure? @a))

((comparison_operator . (_) @a . ["<" ">" "<=" ">="] . (_) @b .) @found
 (#same? @a @b)
 (#has-no? @a "integer" "float" "string")
 (#pure? @a))

((binary_operator left: (_) @a operator: ["|" "&"] right: (_) @b) @found
 (#same? @a @b)
 (#has-no? @a "integer")
 (#pure? @a))
