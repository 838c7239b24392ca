((if_expression consequence: (block) @a alternative: (else_clause (block) @b)) @found
 (#same? @a @b)
 (#plain-code? @a)
 (#plain-code? @b)
 (#not-child-of? @found "else_clause"))
