((binary_expression left: (_) @a operator: ["&&" "||" "??" "<" ">" "<=" ">=" "|" "&"] right: (_) @b) @found
 (#same? @a @b)
 (#has-no? @a "number" "string" "true" "false")
 (#pure? @a))
