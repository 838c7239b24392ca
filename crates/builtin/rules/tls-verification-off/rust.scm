((call_expression
   function: (field_expression field: (field_identifier) @name)
   arguments: (arguments . (boolean_literal) @on .)) @found
 (#any-of? @name "danger_accept_invalid_certs" "danger_accept_invalid_hostnames")
 (#eq? @on "true")
 (#not-inside? @found "if_expression" "match_expression"))
