((if_statement consequence: (_) @a alternative: (else_clause (_) @b)) @found
 (#same? @a @b)
 (#plain-code? @a)
 (#plain-code? @b)
 (#not-child-of? @found "else_clause"))

((ternary_expression consequence: (_) @a alternative: (_) @b) @found
 (#same? @a @b))
