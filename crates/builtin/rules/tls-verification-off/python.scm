((call
   function: (attribute object: (_) @module attribute: (identifier) @name)
   arguments: (argument_list (keyword_argument name: (identifier) @verify value: (false)))) @found
 (#match? @module "^(requests|httpx|(self\\.)?_?(session|client|http))$")
 (#any-of? @name "get" "post" "put" "patch" "delete" "head" "options" "request" "Client" "AsyncClient")
 (#eq? @verify "verify")
 (#not-inside? @found "if_statement" "except_clause"))

((call function: (attribute) @name) @found
 (#eq? @name "ssl._create_unverified_context")
 (#not-inside? @found "if_statement" "except_clause" "conditional_expression"))

((assignment left: (attribute) @left right: (attribute) @right) @found
 (#eq? @left "ssl._create_default_https_context")
 (#eq? @right "ssl._create_unverified_context")
 (#not-inside? @found "if_statement" "except_clause"))
