((if_statement condition: (_) @a
   alternative: (else_clause (if_statement condition: (_) @b) @found))
 (#same? @a @b)
 (#pure? @a))

((if_statement condition: (_) @a
   alternative: (else_clause (if_statement
     alternative: (else_clause (if_statement condition: (_) @b) @found))))
 (#same? @a @b)
 (#pure? @a))
