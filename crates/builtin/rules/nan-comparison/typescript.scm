((binary_expression left: (_) @left operator: ["==" "==="] right: [(identifier) (member_expression)] @nan) @found
 (#any-of? @nan "NaN" "Number.NaN")
 (#set! fix "Number.isNaN({left})"))

((binary_expression left: (_) @left operator: ["!=" "!=="] right: [(identifier) (member_expression)] @nan) @found
 (#any-of? @nan "NaN" "Number.NaN")
 (#set! fix "!Number.isNaN({left})"))
