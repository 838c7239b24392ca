((if_expression condition: (_) @a
   alternative: (else_clause (if_expression condition: (_) @b) @found))
 (#same? @a @b)
 (#pure? @a))

((if_expression condition: (_) @a
   alternative: (else_clause (if_expression
     alternative: (else_clause (if_expression condition: (_) @b) @found))))
 (#same? @a @b)
 (#pure? @a))
