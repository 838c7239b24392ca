; Only `pass`, `continue` or `...` in the handler.
((except_clause "except" @replace !value (block . [(pass_statement) (continue_statement) (expression_statement (ellipsis))] .)) @found
 (#not-in-function? @found "__del__")
 (#set! fix "except Exception"))
