((call_expression
   function: (field_expression
     value: (call_expression
       function: (field_expression
         value: (call_expression
           function: (scoped_identifier) @new
           arguments: (arguments . (string_literal) @shell .))
         field: (field_identifier) @first)
       arguments: (arguments . (string_literal) @flag .))
     field: (field_identifier) @second)
   arguments: (arguments . (_) @command .)) @found
 (#match? @new "(^|::)Command::new$")
 (#match? @shell "^\"(/bin/|/usr/bin/)?(sh|bash|zsh|dash|cmd|cmd.exe|powershell)\"$")
 (#match? @flag "^\"(-c|-lc|/[cC]|-Command)\"$")
 (#eq? @first "arg") (#eq? @second "arg")
 (#built-from-parts? @command))

((call_expression
   function: (field_expression
     value: (call_expression
       function: (scoped_identifier) @new
       arguments: (arguments . (string_literal) @shell .))
     field: (field_identifier) @args)
   arguments: (arguments . [
     (reference_expression (array_expression . (string_literal) @flag . (_) @command))
     (array_expression . (string_literal) @flag . (_) @command)])) @found
 (#match? @new "(^|::)Command::new$")
 (#match? @shell "^\"(/bin/|/usr/bin/)?(sh|bash|zsh|dash|cmd|cmd.exe|powershell)\"$")
 (#match? @flag "^\"(-c|-lc|/[cC]|-Command)\"$")
 (#eq? @args "args")
 (#built-from-parts? @command))
