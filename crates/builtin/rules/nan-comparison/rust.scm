((binary_expression left: [(identifier) (field_expression) (call_expression) (index_expression)] @left operator: "==" right: (scoped_identifier) @nan) @found
 (#match? @nan "(^|::)f(32|64)::NAN$")
 (#set! fix "{left}.is_nan()"))

((binary_expression left: [(identifier) (field_expression) (call_expression) (index_expression)] @left operator: "!=" right: (scoped_identifier) @nan) @found
 (#match? @nan "(^|::)f(32|64)::NAN$")
 (#set! fix "!{left}.is_nan()"))
