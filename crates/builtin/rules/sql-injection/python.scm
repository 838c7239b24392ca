((call
   function: (attribute attribute: (identifier) @name)
   arguments: (argument_list . (_) @sql)) @found
 (#any-of? @name "execute" "executemany" "executescript" "fetch" "fetchrow" "fetchval" "read_sql")
 (#match? @sql "(?is)\\b(select|insert|update|delete)\\b.*'%?(\\{[^}]|\\{\\}|%s|%\\(|\"\\s*\\+)")
 (#built-from-parts? @sql))
