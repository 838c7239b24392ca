((if_statement [condition: (_) @key (elif_clause condition: (_) @key) @found]) @scope
 (#pure? @key)
 (#repeated-in? @scope @key))
