((pair key: (property_identifier) @key value: (false)) @found
 (#eq? @key "rejectUnauthorized")
 (#not-inside? @found "if_statement" "ternary_expression" "binary_expression"))

((assignment_expression left: (_) @left right: [(string) (number)] @right) @found
 (#match? @left "^process\\.env(\\.|\\[.)NODE_TLS_REJECT_UNAUTHORIZED")
 (#match? @right "^.?0.?$")
 (#not-inside? @found "if_statement"))
