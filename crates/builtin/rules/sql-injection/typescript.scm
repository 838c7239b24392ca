((call_expression
   function: (member_expression property: (property_identifier) @name)
   arguments: (arguments . (_) @sql)) @found
 (#any-of? @name "query" "execute" "raw" "run" "all" "get" "exec" "prepare")
 (#match? @sql "(?is)\\b(select\\b.*\\bfrom|insert\\s+into|update\\b.*\\bset|delete\\s+from)\\b.*'%?(\\$\\{|\"\\s*\\+)")
 (#built-from-parts? @sql))
