((raise_statement . (identifier) @replace) @found
 (#eq? @replace "NotImplemented")
 (#set! fix "NotImplementedError"))

((raise_statement . (call function: (identifier) @replace)) @found
 (#eq? @replace "NotImplemented")
 (#set! fix "NotImplementedError"))

((raise_statement . [(string) (concatenated_string)]) @found)
