((object (pair key: [(property_identifier) (string) (number)] @key) @found) @scope
 (#not-eq? @key "__proto__")
 (#repeated-in? @scope @key))
