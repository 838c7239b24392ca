((call_expression
   function: (scoped_identifier) @new
   arguments: (arguments . [(string_literal) (raw_string_literal)] .)) @found
 (#match? @new "(^|::)Regex(Set)?(Builder)?::new$")
 (#inside-loop? @found))
