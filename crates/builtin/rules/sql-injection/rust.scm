((call_expression
   function: [(field_expression field: (field_identifier) @name) (scoped_identifier name: (identifier) @name)]
   arguments: (arguments [(reference_expression value: (macro_invocation) @sql) (macro_invocation) @sql])) @found
 (#any-of? @name "execute" "query" "query_row" "query_one" "query_opt" "prepare" "batch_execute" "execute_batch" "sql_query")
 (#match? @sql "(?is)\\b(select|insert|update|delete)\\b.*'%?\\{")
 (#built-from-parts? @sql))
