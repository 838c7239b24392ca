((call
   function: (attribute object: (identifier) @module attribute: (identifier) @name)
   arguments: (argument_list . (_) @command)) @found
 (#eq? @module "os")
 (#any-of? @name "system" "popen")
 (#built-from-parts? @command))

((call
   function: (attribute object: (identifier) @module attribute: (identifier) @name)
   arguments: (argument_list . (_) @command)) @found
 (#any-of? @module "subprocess" "commands")
 (#any-of? @name "getoutput" "getstatusoutput")
 (#built-from-parts? @command))

((call
   function: [
     (attribute object: (identifier) @module attribute: (identifier) @name)
     (identifier) @name]
   arguments: (argument_list . (_) @command
     (keyword_argument name: (identifier) @shell value: (true)))) @found
 (#any-of? @name "run" "call" "check_call" "check_output" "Popen")
 (#eq? @shell "shell")
 (#file-mentions? "subprocess")
 (#built-from-parts? @command))
