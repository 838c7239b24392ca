((dictionary (pair key: [(string) (integer)] @key) @found) @scope
 (#has-no? @key "interpolation")
 (#repeated-in? @scope @key))
