((function_definition
   parameters: (parameters [
     (default_parameter name: (identifier) @name value: [(list) (dictionary) (set)]) @found
     (typed_default_parameter name: (identifier) @name value: [(list) (dictionary) (set)]) @found
   ])
   body: (block) @body)
 (#leaks? @name @body))

((function_definition
   parameters: (parameters [
     (default_parameter name: (identifier) @name value: (call function: (identifier) @maker arguments: (argument_list) @none)) @found
     (typed_default_parameter name: (identifier) @name value: (call function: (identifier) @maker arguments: (argument_list) @none)) @found
   ])
   body: (block) @body)
 (#any-of? @maker "list" "dict" "set")
 (#eq? @none "()")
 (#leaks? @name @body))
