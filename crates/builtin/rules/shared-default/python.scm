((function_definition
   parameters: (parameters [
     (default_parameter name: (identifier) @name value: [(list) (dictionary) (set)] @value) @found
     (typed_default_parameter name: (identifier) @name value: [(list) (dictionary) (set)] @value) @found
   ])
   body: (block) @body)
 (#leaks? @name @value @body))

((function_definition
   parameters: (parameters [
     (default_parameter name: (identifier) @name value: (call function: (identifier) @maker arguments: (argument_list) @none) @value) @found
     (typed_default_parameter name: (identifier) @name value: (call function: (identifier) @maker arguments: (argument_list) @none) @value) @found
   ])
   body: (block) @body)
 (#any-of? @maker "list" "dict" "set")
 (#eq? @none "()")
 (#leaks? @name @value @body))
