((string (string_content) @found) @string
 (#match? @found "-----BEGIN ([A-Z]+ )?PRIVATE KEY-----\\s*(\\\\n)?\\s*[A-Za-z0-9+/]{40}|\\bAKIA[0-9A-Z]{16}\\b|\\bgh[pos]_[A-Za-z0-9]{36}\\b|\\bgithub_pat_[A-Za-z0-9_]{50,}|\\bxox[bp]-[0-9]{10,}-[0-9A-Za-z-]{20,}|\\bsk_live_[0-9a-zA-Z]{24,}")
 (#not-match? @found "(?i)example|dummy|sample|x{8}|1234567890")
 (#not-child-of? @string "expression_statement"))
