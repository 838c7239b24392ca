((call
   function: (identifier) @name
   arguments: (argument_list . (list_comprehension . (_) @item . (_) @clause .) @list .)) @found
 (#any-of? @name "any" "all")
 (#has-no? @list "await" "async" "yield" "named_expression")
 (#set! fix "{name}({item} {clause})"))

((call
   function: (identifier) @name
   arguments: (argument_list . (list_comprehension . (_) @item . (_) @clause . (_) @more .) @list .)) @found
 (#any-of? @name "any" "all")
 (#has-no? @list "await" "async" "yield" "named_expression")
 (#set! fix "{name}({item} {clause} {more})"))
