((throw_statement [(string) (template_string)] @replace) @found
 (#set! fix "new Error({replace})"))

((throw_statement (binary_expression left: (string)) @replace) @found
 (#set! fix "new Error({replace})"))
