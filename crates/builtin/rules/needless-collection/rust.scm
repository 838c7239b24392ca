((call_expression
   function: (field_expression
     value: (call_expression
       function: (generic_function
         function: (field_expression value: (_) @items field: (field_identifier) @collect)
         type_arguments: (type_arguments . (generic_type type: (type_identifier) @vec) .))
       arguments: (arguments) @none)
     field: (field_identifier) @len)
   arguments: (arguments) @empty) @found
 (#eq? @collect "collect") (#eq? @vec "Vec") (#eq? @none "()") (#eq? @len "len") (#eq? @empty "()")
 (#set! fix "{items}.count()"))
