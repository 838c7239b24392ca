((new_expression
   constructor: (identifier) @class
   arguments: (arguments . [(arrow_function . "async" body: (_) @body) (function_expression . "async" body: (_) @body)] @found))
 (#eq? @class "Promise")
 (#has-no-own? @body "try_statement"))
