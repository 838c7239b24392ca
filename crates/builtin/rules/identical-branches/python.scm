((if_statement consequence: (block) @a . alternative: (else_clause body: (block) @b)) @found
 (#same? @a @b)
 (#not-match? @a "^pass$")
 (#plain-code? @a)
 (#plain-code? @b)
 (#plain-code? @found))

((conditional_expression . (_) @a . (_) . (_) @b .) @found
 (#same? @a @b))
