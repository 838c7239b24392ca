((call_expression function: (identifier) @name arguments: (arguments . (_) @command)) @found
 (#any-of? @name "exec" "execSync")
 (#file-mentions? "child_process")
 (#built-from-parts? @command))

((call_expression
   function: (member_expression object: (_) @module property: (property_identifier) @name)
   arguments: (arguments . (_) @command)) @found
 (#match? @module "^(child_process|childProcess|cp|shell|shelljs|require\\(.(node:)?child_process.\\))$")
 (#any-of? @name "exec" "execSync")
 (#built-from-parts? @command))
